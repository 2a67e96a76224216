package main

import (
	"net/netip"
	"strings"
	"time"
)

// checkServers judges how the office's mail servers are reached; with noMail
// one that is not named at all is left alone.
func (o *OfficeConfig) checkServers(at func(key, format string, args ...any) error, noMail bool) error {
	switch f := o.IMAP.Folder.(type) {
	case string:
		o.IMAP.folders = []string{f}
	case []any:
		for _, v := range f {
			s, ok := v.(string)
			if !ok || s == "" {
				return at("imap.folder", "is a list that holds %v; write names of folders", v)
			}
			o.IMAP.folders = append(o.IMAP.folders, s)
		}
	default:
		return at("imap.folder", "is %v; write a name or a list of names", f)
	}
	for _, s := range []struct {
		part, host, security, auth, username, file, env string
	}{
		{"imap", o.IMAP.Host, o.IMAP.Security, o.IMAP.Auth, o.IMAP.Username, o.IMAP.PasswordFile, o.IMAP.PasswordEnv},
		{"smtp", o.SMTP.Host, o.SMTP.Security, o.SMTP.Auth, o.SMTP.Username, o.SMTP.PasswordFile, o.SMTP.PasswordEnv},
	} {
		if s.host == "" && noMail {
			continue
		}
		if s.host == "" {
			return at(s.part+".host", "is missing: the name of the %s server", strings.ToUpper(s.part))
		}
		if err := oneOf(at, s.part+".security", s.security, "tls", "starttls", "none"); err != nil {
			return err
		}
		if s.security == "none" && !isLoopback(s.host) {
			return at(s.part+".security", "is \"none\", which is accepted for a loopback address only; use \"tls\" or \"starttls\"")
		}
		auths := []string{"password", "xoauth2"}
		if s.part == "smtp" {
			auths = append(auths, "none")
		}
		if err := oneOf(at, s.part+".auth", s.auth, auths...); err != nil {
			return err
		}
		if s.auth == "password" && (s.username == "" || s.file == "" && s.env == "") {
			return at(s.part+".username", "or its password is missing: give username and password_file (or password_env)")
		}
		if s.file != "" && s.env != "" {
			return at(s.part+".password_env", "stands beside password_file; give one of them")
		}
	}
	if o.IMAP.Auth == "xoauth2" || o.SMTP.Auth == "xoauth2" {
		if err := oneOf(at, "oauth.provider", o.OAuth.Provider, "microsoft", "google", "other"); err != nil {
			return err
		}
		if err := oneOf(at, "oauth.flow", o.OAuth.Flow, "client_credentials", flowDevice, "service_account"); err != nil {
			return err
		}
		if s := o.OAuth.SecretExpires; s != "" {
			day, err := time.ParseInLocation(time.DateOnly, s, o.location)
			if err != nil {
				return at("oauth.client_secret_expires", "is %q; write a date such as \"2027-03-01\"", s)
			}
			o.OAuth.secretEnds = day
		}
	}
	if err := oneOf(at, "smtp.save_sent", o.SMTP.SaveSent, "append", "server", "never"); err != nil {
		return err
	}
	if o.SMTP.MaxPerMinute < 0 || o.SMTP.Connections < 1 {
		return at("smtp.connections", "must be 1 or more, and max_per_minute 0 (no limit) or more")
	}
	if s := o.IMAP.Start; s != "now" && s != "all" {
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return at("imap.start", "is %q; write \"now\", \"all\" or a date such as \"2026-11-01\"", s)
		}
	}
	if s := o.IMAP.AfterFiling; s != "leave" && s != "flag" && (!strings.HasPrefix(s, "move:") || s == "move:") {
		return at("imap.after_filing", "is %q; write \"leave\", \"flag\" or \"move:FOLDER\"", s)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
