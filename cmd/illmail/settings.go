package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"illmail/web"
)

// settings is the effective configuration without its secrets, in words for
// those who did not write it.
func (c *Config) settings() []web.SettingsGroup {
	database := "the program’s own, under " + c.StateDir
	if c.Database.URL != "" {
		database = "a Postgres server of yours"
	}
	list := []web.SettingsGroup{
		group("", "This installation", "Address for staff", cmp.Or(c.Web.BaseURL, "http://"+c.Web.Listen), "Listens on", c.Web.Listen, "Database", database, "Configuration file", c.file),
		group("", "How long data is kept", "Text and files of mail", kept(c.Retention.BodiesDays, "after the conversation was closed"),
			"What names the patron", kept(c.Retention.PatronDays, "after the request was finished"),
			"Copyright counts, without names", plural(c.Retention.CopyrightYears, "year")),
	}
	if c.OIDC.Issuer != "" {
		list = append(list, group("", "Signing in besides", "Provider", c.OIDC.Issuer, "Is called", c.OIDC.Name, "Client", c.OIDC.ClientID, "Name from", c.OIDC.UsernameClaim, "Roles from", c.OIDC.RolesClaim))
	}
	for i := range c.Offices {
		list = append(list, c.Offices[i].settings(len(c.Offices) > 1)...)
	}
	return list
}

func kept(n int, after string) string {
	if n == 0 {
		return "until the next clean-up " + after
	}
	return plural(n, "day") + " " + after
}

func (o *OfficeConfig) settings(named bool) []web.SettingsGroup {
	name := ""
	if named {
		name = o.Name
	}
	in, out, n, s, l := o.IMAP, o.SMTP, o.Notices, o.Source, o.ILLiad
	writes := ""
	if l.BaseURL != "" {
		writes = map[bool]string{true: "yes", false: "no"}[l.WriteBack]
	}
	var least []int
	if n.MinGapDays > 0 {
		least = []int{n.MinGapDays}
	}
	list := []web.SettingsGroup{
		group(name, "The office", "Name", o.Name, "Address", o.Address, "Further addresses", strings.Join(o.Aliases, ", "), "Patrons’ domains", strings.Join(o.Domains, ", "),
			"Known libraries and systems", strings.Join(o.Partners, ", "), "Time zone", o.Timezone, "Phone", o.Phone, "Hours, in letters", o.Hours, "Hours that count", o.OpenHours, "Web page", o.URL, "Items go back to", o.ReturnTo, "What nobody takes is told to", o.Unanswered.Address),
		group(name, "Mail coming in", "Server", server(in.Host, in.Port, in.Security), "Signs in as", login(in.Username, in.Auth), "Folders", strings.Join(in.folders, ", "),
			"Sent mail", cmp.Or(in.SentFolder, "found by itself"), "The first run takes in", cmp.Or(map[string]string{"now": "what arrives from then on", "all": "everything"}[in.Start], "what arrived since "+in.Start),
			"Once it is filed, mail on the server", afterFiling(in.AfterFiling), "Looks at least every", time.Duration(in.PollInterval).String()),
		group(name, "Mail going out", "Server", server(out.Host, out.Port, out.Security), "Signs in as", login(out.Username, out.Auth),
			"Copy in the Sent folder", map[string]string{"append": "filed by this program", "server": "filed by the mail server", "never": "none"}[out.SaveSent],
			"At most", plural(out.MaxPerMinute, "message")+" a minute", "Rehearsal: all mail goes to", n.RehearsalAddress),
		group(name, "Requests", "Read from", s.from(), "When", scheduleWords(s.Schedule, s.pulls()), "Holds", map[bool]string{true: "every open request; what is no longer in it counts as closed", false: "what changed"}[s.Full],
			"Too old for notices after", time.Duration(s.MaxAge).String(), "Believed without staff", strings.Join(s.TrustedSenders, ", "),
			"ILLiad", l.BaseURL, "Writes to ILLiad", writes, "ILLiad’s own mail is off for", strings.Join(l.OffInILLiad, ", "),
			"Renewals", o.Renewals.words()),
		group(name, "Notices", "How they go", map[string]string{"send": "by themselves", "approve": "once staff release them", "off": "not at all"}[n.Mode],
			"Planned", scheduleWords(n.Schedule, true), "Closed on", strings.Join(n.ClosedWeekdays, ", "), "Closed days", strings.Join(n.ClosedDates, ", "), "Closed days by the calendar", n.ClosedCalendar,
			"Counts from", n.GoLive, "Overdue", days(n.OverdueDays, "after the due date")+every(n.OverdueEveryDays), "Due soon", days(n.DueSoonDays, "before the due date"),
			"Delay", days(n.DelayDays, "without news, open days"), "Cancellation", "at most "+plural(n.CancellationMaxAgeDays, "open day")+" late",
			"Ready for pickup", days(n.PickupDays, "on the shelf, open days"), "Electronic delivery", days(n.DeliveryDays, "after delivery"), "Late on its way", days(n.InTransitDays, "after it was shipped, open days"),
			"Return not found", days(n.ClaimDays, "after the search, open days"), "Account ends", days(n.LeavingDays, "before it ends"),
			"Recall", map[string]string{"approve": "once staff confirm it", "off": "no letter", "send": "by itself"}[n.Recall],
			"Several items of one patron", map[bool]string{true: "in one letter", false: "in a letter each"}[n.Digest], "Held for approval above", plural(n.MaxPerRun, "letter")+" in one run",
			"Shortest time between two letters", days(least, "about one request")),
	}
	rules := web.SettingsGroup{Office: name, Title: "Rules of your own, in this order"}
	for _, r := range n.Rules {
		var whom []string
		for _, some := range [][]string{r.PatronStatuses, r.RequestTypes, r.PickupLocations, r.States} {
			if len(some) > 0 {
				whom = append(whom, strings.Join(some, " or "))
			}
		}
		what := days(r.Days, "")
		if r.Mode != "" {
			what = strings.TrimPrefix(what+", "+r.Mode, ", ")
		}
		rules.Rows = append(rules.Rows, web.Setting{Name: r.Name, Value: fmt.Sprintf("%s for %s: %s", strings.ReplaceAll(r.Kind, "_", " "), cmp.Or(strings.Join(whom, ", "), "all"), cmp.Or(strings.TrimSpace(what), r.Template))})
	}
	if len(rules.Rows) > 0 {
		list = append(list, rules)
	}
	return list
}

// group takes names and values in turn; what has no value is left out.
func group(office, title string, pairs ...string) web.SettingsGroup {
	g := web.SettingsGroup{Office: office, Title: title}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			g.Rows = append(g.Rows, web.Setting{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return g
}

func server(host string, port int, security string) string {
	if host == "" {
		return "none"
	}
	return fmt.Sprintf("%s, port %d, %s", host, port, map[string]string{"tls": "encrypted", "starttls": "encrypted (STARTTLS)", "none": "not encrypted, on this machine only"}[security])
}

func login(user, auth string) string {
	switch auth {
	case "none":
		return "nobody"
	case "xoauth2":
		return user + ", by token (OAuth)"
	}
	return user + ", by password"
}

func afterFiling(how string) string {
	if folder, ok := strings.CutPrefix(how, "move:"); ok {
		return "is moved to " + folder
	}
	return map[string]string{"leave": "stays as it is", "flag": "is flagged"}[how]
}

func (s *SourceConfig) from() string {
	switch {
	case s.QueryFile != "":
		return "the ILL system’s database, by " + s.QueryFile
	case s.Path != "":
		return s.Path
	case s.PushTokenFile != "":
		return "what another system sends"
	}
	return "illmail import, by hand"
}

func (r RenewalsConfig) words() string {
	if !r.Allowed {
		return "are not asked for"
	}
	often := "as often as needed"
	if r.Most > 0 {
		often = "at most " + plural(r.Most, "time") + " for one request"
	}
	return "asked for " + plural(r.Days, "day") + ", " + often
}

// scheduleWords says a common cron line in words, and any other as it is.
func scheduleWords(line string, used bool) string {
	f := strings.Fields(line)
	if !used || len(f) != 5 {
		return map[bool]string{true: line}[used]
	}
	minute, errM := strconv.Atoi(f[0])
	hour, errH := strconv.Atoi(f[1])
	daily := f[2] == "*" && f[3] == "*" && f[4] == "*"
	if step, ok := strings.CutPrefix(f[0], "*/"); ok && daily && f[1] == "*" {
		return "every " + step + " minutes"
	}
	if errM == nil && errH == nil && daily {
		return fmt.Sprintf("every day at %d:%02d", hour, minute)
	}
	return line + " (cron)"
}

// days is "1, 7 and 14 days after the due date"; "" for none.
func days(list []int, what string) string {
	if len(list) == 0 {
		return ""
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	last := plural(list[len(list)-1], "day") + " " + what
	if len(words) == 1 {
		return last
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + last
}

func every(n int) string {
	if n == 0 {
		return ""
	}
	return ", then every " + plural(n, "day")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
