package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"illmail/illiad"
	"illmail/mailbox"
	"illmail/notices"
	"illmail/templates"
	"illmail/triage"
)

// This file turns one office's configuration into what each room needs.

// secretOf returns how to get the secret of a log-in: the password, or an
// access token.
func (o *OfficeConfig) secretOf(auth, file, env string) (func(context.Context) (string, error), error) {
	if o.IMAP.password != "" {
		return func(context.Context) (string, error) { return o.IMAP.password, nil }, nil
	}
	if auth != string(mailbox.AuthXOAUTH2) {
		return func(context.Context) (string, error) { return readSecret(file, env) }, nil
	}
	// One source for IMAP and SMTP: each use of a refresh token costs one.
	if o.token == nil {
		cfg := o.oauth()
		if o.OAuth.Flow == "service_account" {
			key, err := os.ReadFile(o.OAuth.ClientSecretFile)
			if err != nil {
				return nil, fmt.Errorf("reading the service account's key: %w", err)
			}
			cfg.Key, cfg.Subject = key, o.IMAP.Username
		}
		token, err := mailbox.TokenSource(cfg)
		if err != nil {
			return nil, fmt.Errorf("preparing OAuth: %w", err)
		}
		o.token = token
	}
	return o.token, nil
}

func (o *OfficeConfig) usesTokens() bool {
	return o.IMAP.Auth == string(mailbox.AuthXOAUTH2) || o.SMTP.Auth == string(mailbox.AuthXOAUTH2)
}

// oauth is how access tokens are got, but for a service account's key.
func (o *OfficeConfig) oauth() mailbox.OAuthConfig {
	a := o.OAuth
	cfg := mailbox.OAuthConfig{Provider: a.Provider, Flow: a.Flow, Tenant: a.Tenant, ClientID: a.ClientID, TokenURL: a.TokenURL, DeviceURL: a.DeviceURL}
	if a.Flow == "client_credentials" {
		cfg.ClientSecret = func(context.Context) (string, error) { return readSecret(a.ClientSecretFile, "") }
	}
	if o.grants != nil {
		cfg.UseGrant = o.grants.use
	}
	return cfg
}

func (o *OfficeConfig) imapAccount() (mailbox.Account, error) {
	c := o.IMAP
	secret, err := o.secretOf(c.Auth, c.PasswordFile, c.PasswordEnv)
	return mailbox.Account{Host: c.Host, Port: c.Port, Security: mailbox.Security(c.Security),
		Username: c.Username, Auth: mailbox.Auth(c.Auth), Secret: secret}, err
}

func (o *OfficeConfig) smtpAccount() (mailbox.Account, error) {
	c := o.SMTP
	secret, err := o.secretOf(c.Auth, c.PasswordFile, c.PasswordEnv)
	return mailbox.Account{Host: c.Host, Port: c.Port, Security: mailbox.Security(c.Security),
		Username: c.Username, Auth: mailbox.Auth(c.Auth), Secret: secret}, err
}

// letter is how letters name the office.
func (o *OfficeConfig) letter() templates.Office {
	return templates.Office{Name: o.Name, Address: o.Address, Phone: o.Phone, Hours: o.Hours, URL: o.URL, ReturnTo: o.ReturnTo}
}

// closedDates are the dates of the file and of its calendar; left names the
// events of the calendar that close no whole day.
func (o *OfficeConfig) closedDates() (dates, left []string, err error) {
	n := o.Notices
	if n.ClosedCalendar == "" {
		return n.ClosedDates, nil, nil
	}
	f, err := os.Open(n.ClosedCalendar)
	if err != nil {
		return nil, nil, fmt.Errorf("closed_calendar: %w", err)
	}
	defer f.Close()
	days, left, err := notices.ParseICalendar(f)
	if err != nil {
		return nil, nil, fmt.Errorf("closed_calendar: %w", err)
	}
	return slices.Concat(n.ClosedDates, days), left, nil
}

// states says what the statuses of the office's ILL system mean.
func (o *OfficeConfig) states() (*illiad.StateMap, error) { return illiad.NewStateMap(o.States) }

// triageOffice is the office as triage knows it.
func (inst *installation) triageOffice(o *OfficeConfig) triage.Office {
	office := triage.Office{
		Office: inst.offices[o.Code], Addresses: append([]string{o.Address}, o.Aliases...), Domains: o.Domains,
		Partners: o.Partners, Location: o.location, Letter: o.letter(), Templates: inst.letters[o.Code].Set, Trusted: o.Source.TrustedSenders,
	}
	if r := o.Renewals; r.Allowed && o.ILLiad.WriteBack && o.ILLiad.Routes.Renewal != "" {
		office.Renewals = &triage.Renewals{Days: r.Days, Most: r.Most, EarlyDays: r.EarlyDays}
	}
	office.AuthservIDs = o.authservIDs()
	return office
}

// authservIDs is whose Authentication-Results count. Microsoft 365, which is
// entered by its tokens only, writes them without a name: there the topmost
// field counts, and none where another host's could stand in its place.
func (o *OfficeConfig) authservIDs() []string {
	switch {
	case o.IMAP.AuthservID != "":
		return []string{o.IMAP.AuthservID}
	case o.IMAP.Auth == string(mailbox.AuthXOAUTH2) && o.OAuth.Provider == "microsoft":
		return []string{""}
	}
	return nil
}

// noticesOffice is the office as planning knows it; sending adds the servers.
func (inst *installation) noticesOffice(ctx context.Context, o *OfficeConfig) (*notices.Office, error) {
	rules, err := o.rules()
	if err != nil {
		return nil, err
	}
	proved, err := inst.sentProof(ctx, o)
	if err != nil {
		return nil, err
	}
	return &notices.Office{
		ID: inst.offices[o.Code].ID, Code: o.Code, Name: o.Name, Address: o.Address,
		Letter: o.letter(), Rules: rules, Schedule: o.Notices.Schedule, Templates: inst.letters[o.Code].Set,
		SaveSent: notices.SaveSent(o.SMTP.SaveSent), SentProved: proved, RehearsalAddress: o.Notices.RehearsalAddress,
		Unanswered: inst.cfg.unanswered(o),
	}, nil
}

// connect gives an office the servers it sends through; close lets them go.
func (inst *installation) connect(o *OfficeConfig, n *notices.Office) (closeAll func(), err error) {
	smtp, err := o.smtpAccount()
	if err != nil {
		return nil, err
	}
	imap, err := o.imapAccount()
	if err != nil {
		return nil, err
	}
	var submitters []*mailbox.Submitter
	for range o.SMTP.Connections {
		s := &mailbox.Submitter{Account: smtp, MaxPerMinute: (o.SMTP.MaxPerMinute + o.SMTP.Connections - 1) / o.SMTP.Connections}
		submitters = append(submitters, s)
		n.Submitters = append(n.Submitters, s)
	}
	var sent *mailbox.SentFolder
	if o.SMTP.SaveSent != string(notices.SaveNever) {
		sent = &mailbox.SentFolder{Account: imap, Name: o.IMAP.SentFolder}
		n.Sent = sent
	}
	return func() {
		for _, s := range submitters {
			_ = s.Close() // there is nobody left to tell
		}
		if sent != nil {
			_ = sent.Close()
		}
	}, nil
}

// sentProof says whether `check --send-test` proved that the server files in
// Sent what it submits, under an id that can be found.
func (inst *installation) sentProof(ctx context.Context, o *OfficeConfig) (bool, error) {
	if o.SMTP.SaveSent != string(notices.SaveServer) {
		return false, nil
	}
	health, err := inst.db.Health(ctx, inst.offices[o.Code].ID)
	if err != nil {
		return false, err
	}
	for _, h := range health {
		if h.Part == sentProofPart {
			return h.OK, nil
		}
	}
	return false, nil
}

// sentProofPart is the part of health under which the proof is kept.
const sentProofPart = "sent-proof"
