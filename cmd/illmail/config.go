package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Config is the configuration file. Unknown keys are errors; see contract and
// README for what each key means.
type Config struct {
	StateDir string `toml:"state_dir"`
	Database struct {
		URL string `toml:"url"`
	} `toml:"database"`
	Web struct {
		Listen  string `toml:"listen"`
		BaseURL string `toml:"base_url"`
	} `toml:"web"`
	OIDC      OIDCConfig      `toml:"oidc"`
	Offices   []OfficeConfig  `toml:"office"`
	Retention RetentionConfig `toml:"retention"`

	file   string
	noMail bool           // the command needs no mail server: one that is not configured is no error
	lines  map[string]int // key path ("office.0.imap.port") → line
}

// OfficeConfig is one [[office]].
type OfficeConfig struct {
	Code     string   `toml:"code"`
	Name     string   `toml:"name"`
	Address  string   `toml:"address"`
	Aliases  []string `toml:"aliases"` // further addresses of the same office
	Domains  []string `toml:"domains"`
	Partners []string `toml:"partners"` // addresses and domains of ILL systems and libraries
	Timezone string   `toml:"timezone"`
	Phone    string   `toml:"phone"`
	Hours    string   `toml:"hours"`
	URL      string   `toml:"url"`
	ReturnTo string   `toml:"return_to"` // where borrowed items go back to, in words
	// OpenHours are the hours of an open day: "09:00-17:00".
	OpenHours string `toml:"open_hours"`
	// States says what statuses of the office's own mean: "Claims Returned" = "claims_returned".
	States map[string]string `toml:"states"`

	IMAP         IMAPConfig         `toml:"imap"`
	SMTP         SMTPConfig         `toml:"smtp"`
	OAuth        OAuthConfig        `toml:"oauth"`
	Source       SourceConfig       `toml:"source"`
	ILLiad       ILLiadConfig       `toml:"illiad"`
	Renewals     RenewalsConfig     `toml:"renewals"`
	Alternatives AlternativesConfig `toml:"alternatives"`
	Notices      NoticesConfig      `toml:"notices"`
	Unanswered   UnansweredConfig   `toml:"unanswered"`

	location *time.Location
	grants   *grants                                   // flow = "device_code", once the database is open
	token    func(ctx context.Context) (string, error) // gives access tokens, for IMAP and SMTP alike
}

// IMAPConfig is [office.imap].
type IMAPConfig struct {
	Host         string   `toml:"host"`
	Port         int      `toml:"port"`
	Security     string   `toml:"security"`
	Username     string   `toml:"username"`
	PasswordFile string   `toml:"password_file"`
	PasswordEnv  string   `toml:"password_env"`
	Auth         string   `toml:"auth"`
	Folder       any      `toml:"folder"` // a name or a list of names
	SentFolder   string   `toml:"sent_folder"`
	AuthservID   string   `toml:"authserv_id"`
	Start        string   `toml:"start"`
	AfterFiling  string   `toml:"after_filing"`
	PollInterval Duration `toml:"poll_interval"`
	SizeLimit    int64    `toml:"size_limit"` // bytes; above it headers and the first text only

	folders  []string
	password string // the demo's, which has no file
}

// SMTPConfig is [office.smtp].
type SMTPConfig struct {
	Host         string `toml:"host"`
	Port         int    `toml:"port"`
	Security     string `toml:"security"`
	Username     string `toml:"username"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
	Auth         string `toml:"auth"`
	SaveSent     string `toml:"save_sent"`
	MaxPerMinute int    `toml:"max_per_minute"`
	Connections  int    `toml:"connections"`
}

// OAuthConfig is [office.oauth].
type OAuthConfig struct {
	Provider         string `toml:"provider"`
	Tenant           string `toml:"tenant"`
	ClientID         string `toml:"client_id"`
	ClientSecretFile string `toml:"client_secret_file"`
	Flow             string `toml:"flow"`
	TokenURL         string `toml:"token_url"`  // provider = "other"
	DeviceURL        string `toml:"device_url"` // provider = "other", flow = "device_code"
	KeyFile          string `toml:"key_file"`   // flow = "device_code": under which its tokens are kept
	SecretExpires    string `toml:"client_secret_expires"`

	secretEnds time.Time // the beginning of that day
}

// SourceConfig is [office.source].
type SourceConfig struct {
	Path string `toml:"path"`
	// QueryFile holds a SELECT that runs on the database at the URL in
	// DatabaseURLFile, in place of Path.
	QueryFile       string   `toml:"query_file"`
	DatabaseURLFile string   `toml:"database_url_file"`
	Schedule        string   `toml:"schedule"`
	MaxAge          Duration `toml:"max_age"`
	Full            bool     `toml:"full"` // the file or query holds every open request: what vanished from it is closed
	// PushTokenFile holds the token with which another system may send requests
	// to POST /api/v1/transactions.
	PushTokenFile string `toml:"push_token_file"`
	// TrustedSenders are addresses and domains ("@oclc.org") whose mail about
	// requests is believed without staff, where the office's mail host vouches for it.
	TrustedSenders []string `toml:"trusted_senders"`
}

// ILLiadConfig is [office.illiad].
type ILLiadConfig struct {
	BaseURL     string   `toml:"base_url"`
	APIKeyFile  string   `toml:"api_key_file"`
	WriteBack   bool     `toml:"write_back"`
	OffInILLiad []string `toml:"off_in_illiad"`
	Notes       bool     `toml:"notes"`     // with write_back: the gist of mail
	Histories   bool     `toml:"histories"` // with write_back: what was sent and done
	// Routes are the statuses to which requests are moved; "" = they are not.
	Routes struct {
		Cancelled       string `toml:"cancelled"`
		Renewal         string `toml:"renewal"`
		ClaimedReturned string `toml:"claimed_returned"`
		Reply           string `toml:"reply"`
		// After the mail of a system, once it is accepted.
		Unfilled      string `toml:"unfilled"`
		Conditional   string `toml:"conditional"`
		Shipped       string `toml:"shipped"`
		FileReady     string `toml:"file_ready"`
		Recalled      string `toml:"recalled"`
		RenewalOK     string `toml:"renewal_ok"`
		RenewalDenied string `toml:"renewal_denied"`
	} `toml:"routes"`
}

// AlternativesConfig is [office.alternatives]: where is looked for what a patron
// may use in place of a request that is cancelled.
type AlternativesConfig struct {
	SRUURL         string `toml:"sru_url"` // the catalogue; "" = not asked
	SRUISBNIndex   string `toml:"sru_isbn_index"`
	SRUISSNIndex   string `toml:"sru_issn_index"`
	SRUSchema      string `toml:"sru_schema"`
	UnpaywallEmail string `toml:"unpaywall_email"` // Unpaywall wants to know who asks; "" = not asked
	UnpaywallURL   string `toml:"unpaywall_url"`
}

// RenewalsConfig is [office.renewals]: when staff may ask lenders to renew.
type RenewalsConfig struct {
	Allowed   bool `toml:"allowed"`
	Days      int  `toml:"days"`       // for how long is asked
	Most      int  `toml:"most"`       // how often for one request; 0 = without end
	EarlyDays int  `toml:"early_days"` // not earlier than so many days before the due date; 0 = any time
}

// UnansweredConfig is [office.unanswered]: who is told of what nobody takes.
type UnansweredConfig struct {
	Address    string   `toml:"address"`     // "" = nobody
	AfterHours int      `toml:"after_hours"` // office hours
	Every      Duration `toml:"every"`       // at most one mail in so long
}

// RetentionConfig is [retention], in days; 0 = at the next purge.
type RetentionConfig struct {
	BodiesDays     int `toml:"bodies_days"`
	PatronDays     int `toml:"patron_days"`
	CopyrightYears int `toml:"copyright_years"`
}

// Duration is written as Go writes it: "2m", "26h".
type Duration time.Duration

// UnmarshalText reads "2m".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration; write it as \"2m\" or \"26h\"", b)
	}
	*d = Duration(v)
	return nil
}

// loadConfig reads and checks a configuration file. Every error names the file,
// the line and the key.
func loadConfig(path string) (*Config, error) { return readConfig(path, false) }

func readConfig(path string, noMail bool) (*Config, error) {
	if path == "" {
		return nil, usageError("no configuration: give --config FILE")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return (&Config{file: path, noMail: noMail}).parse(raw)
}

func parseConfig(path string, raw []byte) (*Config, error) {
	return (&Config{file: path}).parse(raw)
}

func (c *Config) parse(raw []byte) (*Config, error) {
	c.lines = keyLines(raw)
	c.Web.Listen = "127.0.0.1:8025"
	c.OIDC = OIDCConfig{Name: "your university account", Scopes: []string{"profile", "email"}, UsernameClaim: "preferred_username"}
	c.Retention = RetentionConfig{BodiesDays: 180, PatronDays: 365, CopyrightYears: 3}

	// First pass: how many offices, so that each starts from the defaults.
	var count struct {
		Offices []map[string]any `toml:"office"`
	}
	if err := toml.Unmarshal(raw, &count); err != nil {
		return nil, c.decodeError(err)
	}
	dec := toml.NewDecoder(bytes.NewReader(raw)).DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return nil, c.decodeError(err)
	}
	for i := range c.Offices {
		c.Offices[i].setDefaults(count.Offices[i])
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// setDefaults fills what the file leaves out; given is the office's table as written.
func (o *OfficeConfig) setDefaults(given map[string]any) {
	has := func(path ...string) bool {
		var v any = given
		for _, k := range path {
			m, ok := v.(map[string]any)
			if !ok {
				return false
			}
			if v, ok = m[k]; !ok {
				return false
			}
		}
		return true
	}
	str := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	str(&o.Timezone, "America/New_York")
	str(&o.Name, "Interlibrary Loan")
	str(&o.IMAP.Security, "tls")
	if o.IMAP.Port == 0 {
		o.IMAP.Port = map[string]int{"tls": 993}[o.IMAP.Security]
		if o.IMAP.Port == 0 {
			o.IMAP.Port = 143
		}
	}
	str(&o.IMAP.Auth, "password")
	if o.IMAP.Folder == nil {
		o.IMAP.Folder = "INBOX"
	}
	str(&o.IMAP.Start, "now")
	str(&o.IMAP.AfterFiling, "leave")
	if !has("imap", "poll_interval") {
		o.IMAP.PollInterval = Duration(2 * time.Minute)
	}
	if !has("imap", "size_limit") {
		o.IMAP.SizeLimit = 30 << 20
	}
	str(&o.SMTP.Security, "starttls")
	if o.SMTP.Port == 0 {
		o.SMTP.Port = 587
	}
	str(&o.SMTP.Auth, "password")
	str(&o.SMTP.SaveSent, "append")
	if !has("smtp", "max_per_minute") {
		o.SMTP.MaxPerMinute = 25
	}
	if !has("smtp", "connections") {
		o.SMTP.Connections = 1
	}
	str(&o.OAuth.Provider, "microsoft")
	str(&o.OAuth.Flow, "client_credentials")
	str(&o.Source.Schedule, "*/15 * * * *")
	if !has("source", "max_age") {
		o.Source.MaxAge = Duration(26 * time.Hour)
	}
	if !has("source", "full") {
		o.Source.Full = true
	}
	if !has("illiad", "notes") {
		o.ILLiad.Notes = true
	}
	if !has("illiad", "histories") {
		o.ILLiad.Histories = true
	}
	if !has("illiad", "routes", "cancelled") {
		o.ILLiad.Routes.Cancelled = "Cancelled by ILL Staff"
	}
	if !has("illiad", "routes", "renewal") {
		o.ILLiad.Routes.Renewal = "Renewal Requested"
	}
	a := &o.Alternatives
	str(&a.SRUISBNIndex, "bath.isbn")
	str(&a.SRUISSNIndex, "bath.issn")
	str(&a.SRUSchema, "marcxml")
	str(&a.UnpaywallURL, "https://api.unpaywall.org/v2")
	if !has("renewals", "allowed") {
		o.Renewals.Allowed = true
	}
	if !has("renewals", "days") {
		o.Renewals.Days = 14
	}
	if !has("renewals", "most") {
		o.Renewals.Most = 1
	}
	str(&o.OpenHours, "09:00-17:00")
	if !has("unanswered", "after_hours") {
		o.Unanswered.AfterHours = 8
	}
	if !has("unanswered", "every") {
		o.Unanswered.Every = Duration(time.Hour)
	}
	n := &o.Notices
	str(&n.Schedule, "0 13 * * *")
	str(&n.Mode, "send")
	if !has("notices", "closed_weekdays") {
		n.ClosedWeekdays = []string{"saturday", "sunday"}
	}
	if !has("notices", "overdue_days") {
		n.OverdueDays = []int{1, 7, 14, 28}
	}
	if !has("notices", "due_soon_days") {
		n.DueSoonDays = []int{3}
	}
	if !has("notices", "delay_days") {
		n.DelayDays = []int{7, 14}
	}
	if !has("notices", "cancellation_max_age_days") {
		n.CancellationMaxAgeDays = 7
	}
	if !has("notices", "digest") {
		n.Digest = true
	}
	if !has("notices", "max_per_run") {
		n.MaxPerRun = 500
	}
	if !has("notices", "pickup_keep_days") {
		n.PickupKeepDays = 10
	}
	if !has("notices", "delivery_keep_days") {
		n.DeliveryKeepDays = 30
	}
	if !has("notices", "delivery_views") {
		n.DeliveryViews = 5
	}
	str(&n.Recall, "approve")
}

// check validates the whole file.
func (c *Config) check() error {
	if c.StateDir == "" && c.Database.URL == "" {
		return c.errorAt("state_dir", "is missing: name a directory for the private database, or give database.url")
	}
	if c.StateDir != "" && !filepath.IsAbs(c.StateDir) {
		abs, err := filepath.Abs(c.StateDir)
		if err != nil {
			return fmt.Errorf("resolving state_dir: %w", err)
		}
		c.StateDir = abs
	}
	if _, _, err := net.SplitHostPort(c.Web.Listen); err != nil {
		return c.errorAt("web.listen", "is %q; write it as \"127.0.0.1:8025\"", c.Web.Listen)
	}
	if err := c.checkOIDC(); err != nil {
		return err
	}
	if len(c.Offices) == 0 {
		return fmt.Errorf("%s: there is no [[office]]; add one with code, address, [office.imap] and [office.smtp]", c.file)
	}
	seen := map[string]bool{}
	for i := range c.Offices {
		o := &c.Offices[i]
		at := func(key, format string, args ...any) error {
			return c.errorAt(fmt.Sprintf("office.%d.%s", i, key), format, args...)
		}
		if o.Code == "" {
			return at("code", "is missing: a short name such as \"healey\"")
		}
		if seen[o.Code] {
			return at("code", "is %q a second time; each office needs its own", o.Code)
		}
		seen[o.Code] = true
		for _, a := range append([]string{o.Address}, o.Aliases...) {
			if local, domain, ok := strings.Cut(a, "@"); !ok || local == "" || domain == "" || strings.ContainsAny(a, " <>\r\n") {
				return at("address", "is %q; write the office's own address, \"ill@example.edu\"", a)
			}
		}
		loc, err := time.LoadLocation(o.Timezone)
		if err != nil {
			return at("timezone", "is %q; write it as \"America/New_York\"", o.Timezone)
		}
		o.location = loc
		if o.OAuth.Flow == flowDevice && c.keyFileOf(o) == "" {
			return at("oauth.key_file", "is missing: without state_dir, name a file for the key under which sign-ins are kept")
		}
		if err := o.checkServers(at, c.noMail); err != nil {
			return err
		}
		for key, link := range map[string]string{"alternatives.sru_url": o.Alternatives.SRUURL, "alternatives.unpaywall_url": o.Alternatives.UnpaywallURL} {
			if u, err := url.Parse(link); err != nil || link != "" && (u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
				return at(key, "is %q; write an address that begins with https://", link)
			}
		}
		if r := o.Renewals; r.Days < 1 || r.Most < 0 || r.EarlyDays < 0 {
			return at("renewals.days", "must be 1 or more, most and early_days 0 or more")
		}
		switch s := o.Source; {
		case s.Path != "" && s.QueryFile != "":
			return at("source.query_file", "stands beside path; requests are read from one of them")
		case (s.QueryFile == "") != (s.DatabaseURLFile == ""):
			return at("source.query_file", "and database_url_file belong together: the SELECT, and sqlserver://USER:PASSWORD@HOST?database=NAME")
		}
		if err := oneOf(at, "notices.mode", o.Notices.Mode, "send", "approve", "off"); err != nil {
			return err
		}
		for _, k := range o.ILLiad.OffInILLiad {
			if err := oneOf(at, "illiad.off_in_illiad", k, "overdue", "cancellation", "pickup", "delivery"); err != nil {
				return err
			}
		}
		if err := c.checkUnanswered(o, at); err != nil {
			return err
		}
		if err := o.checkRules(at); err != nil {
			return err
		}
	}
	for key, n := range map[string]int{"bodies_days": c.Retention.BodiesDays, "patron_days": c.Retention.PatronDays, "copyright_years": c.Retention.CopyrightYears} {
		if n < 0 {
			return c.errorAt("retention."+key, "is negative; write days, 0 = at the next purge")
		}
	}
	return nil
}

func oneOf(at func(key, format string, args ...any) error, key, got string, allowed ...string) error {
	if slices.Contains(allowed, got) {
		return nil
	}
	return at(key, "is %q; write one of %s", got, strings.Join(allowed, ", "))
}

// readSecret reads a secret from a file or an environment variable, without
// its final line end.
func readSecret(file, env string) (string, error) {
	if env != "" {
		v, ok := os.LookupEnv(env)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set; it must hold the password", env)
		}
		return v, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
