package mailbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Finding is one line of `illmail check`.
type Finding struct {
	OK   bool
	What string // what was looked at, and what was seen
	Do   string // what to do; "" where nothing need be done
}

// CheckIMAP tries to log in and to open the folder and the Sent folder; ""
// for sentFolder looks for it by its attribute.
func CheckIMAP(ctx context.Context, a Account, folder, sentFolder string) []Finding {
	s, err := openSession(ctx, a, 0)
	if err != nil {
		return []Finding{{What: "IMAP: " + err.Error(), Do: advice(a, err)}}
	}
	defer s.close()
	out := []Finding{{OK: true, What: fmt.Sprintf("IMAP: logged in to %s as %s; the server can do %s",
		a.addr(), a.Username, strings.Join(s.capabilities(), " "))}}
	out = append(out, s.checkFolder(ctx, a, folder))
	if sentFolder == "" {
		if sentFolder, err = findSent(ctx, s); err != nil {
			return append(out, Finding{What: "IMAP: " + err.Error(), Do: s.nameFolders(ctx, "set sent_folder")})
		}
	}
	return append(out, s.checkFolder(ctx, a, sentFolder))
}

func (s *session) checkFolder(ctx context.Context, a Account, folder string) Finding {
	sel, err := s.selectFolder(ctx, folder)
	switch {
	case isRefusal(err) && !strings.Contains(err.Error(), notConnected):
		return Finding{What: "IMAP: " + err.Error(), Do: s.nameFolders(ctx, "correct the folder's name")}
	case err != nil:
		return Finding{What: "IMAP: " + err.Error(), Do: advice(a, err)}
	}
	return Finding{OK: true, What: fmt.Sprintf("IMAP: folder %s holds %d messages", folder, sel.messages)}
}

func (s *session) nameFolders(ctx context.Context, do string) string {
	list, err := s.list(ctx)
	if err != nil {
		return do
	}
	var names []string
	for _, f := range list {
		names = append(names, f.name)
	}
	return do + "; the server has: " + strings.Join(names, ", ")
}

// CheckSMTP tries to log in to the submission server; it sends nothing.
func CheckSMTP(ctx context.Context, a Account) []Finding {
	s := &Submitter{Account: a}
	defer s.Close()
	if err := s.ready(ctx); err != nil {
		err = fmt.Errorf("connecting to %s: %w", a.addr(), err)
		return []Finding{{What: "SMTP: " + oneLine(err.Error()), Do: advice(a, err)}}
	}
	if a.Auth == AuthNone {
		return []Finding{{OK: true, What: "SMTP: connected to " + a.addr() + ", without log-in"}}
	}
	return []Finding{{OK: true, What: fmt.Sprintf("SMTP: logged in to %s as %s", a.addr(), a.Username)}}
}

// CheckToken looks into an access token of Microsoft for the permissions that
// entering the mailbox (imap) and sending (smtp) need, with an application's own
// right or, by device code, a person's. A token that cannot be looked into says
// nothing.
func CheckToken(token, flow string, imap, smtp bool) []Finding {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Roles []string `json:"roles"`
		Scope string   `json:"scp"`
	}
	if json.Unmarshal(body, &claims) != nil || claims.Roles == nil && claims.Scope == "" {
		return nil
	}
	has, kind, names := claims.Roles, "application", [2]string{"IMAP.AccessAsApp", "SMTP.SendAsApp"}
	if flow == "device_code" {
		has, kind, names = strings.Fields(claims.Scope), "delegated", [2]string{"IMAP.AccessAsUser.All", "SMTP.Send"}
	}
	var out []Finding
	for i, needed := range [2]bool{imap, smtp} {
		if needed && !slices.Contains(has, names[i]) {
			out = append(out, Finding{What: fmt.Sprintf("OAuth: the access token lacks %s; it has %s", names[i], strings.Join(has, ", ")),
				Do: fmt.Sprintf("in Entra, under the application's API permissions, add the %s permission %s (Office 365 Exchange Online) and grant admin consent", kind, names[i])})
		}
	}
	if out == nil {
		out = []Finding{{OK: true, What: "OAuth: the access token has " + strings.Join(has, ", ")}}
	}
	return out
}

// notConnected is how Microsoft 365 says that a token is good but the mailbox
// is not open to it.
const notConnected = "User is authenticated but not connected"

// providerWords are what servers say, and what helps.
var providerWords = []struct{ words, do string }{
	{notConnected, "the log-in is right but may not open this mailbox: in New-ServicePrincipal use the object id of the enterprise application (not of the app registration), then Add-MailboxPermission for it with FullAccess"},
	{"AADSTS7000215", "the client secret is wrong: enter its value, not its id"},
	{"AADSTS7000222", "the client secret has run out: make a new one"},
	{"AADSTS700082", "the refresh token has run out, since it was not used for long: sign in again by device code"},
	{"AADSTS50173", "the password was changed or the sign-ins were revoked: sign in again by device code"},
	{"AADSTS700016", "the application is not known in this tenant: check client_id and tenant"},
	{"AADSTS65001", "nobody has consented to what the application asks for: grant admin consent to its permissions"},
	{"AADSTS7000218", "the application is no public client: allow public client flows under Authentication"},
	{"AADSTS53003", "a Conditional Access policy forbids this sign-in: exempt the application, or sign in from where it is allowed"},
	{"nobody has signed in yet", "run illmail signin"},
	{"AADSTS90002", "the tenant is not known: check tenant"},
	{"SmtpClientAuthentication is disabled", "the tenant has SMTP AUTH switched off: Set-CASMailbox with -SmtpClientAuthenticationDisabled $false for this mailbox"},
	{"Application-specific password required", "make an app password in the Google account, or use auth xoauth2"},
	{"unauthorized_client", "the service account may not act for this mailbox: allow its client id the scope https://mail.google.com/ under domain-wide delegation"},
	{"invalid_grant", "the provider no longer accepts this grant: check the key and the mailbox's address, or sign in again"},
	{"certificate signed by unknown authority", "the server's certificate is from an authority this machine does not know: install it, or check host"},
	{"certificate is valid for", "the server's certificate is for another name: check host"},
	{"first record does not look like a TLS handshake", "the server does not speak TLS from the start on this port: try security starttls"},
	{"connection refused", "nothing listens there: check host and port"},
	{"no such host", "there is no such host: check host"},
}

// advice says what may help against an error in logging in.
func advice(a Account, err error) string {
	text := err.Error()
	for _, p := range providerWords {
		if strings.Contains(text, p.words) {
			return p.do
		}
	}
	switch {
	case strings.Contains(text, "logging in") && a.Auth == AuthXOAUTH2:
		return "the server refuses the access token: check that the application has the permissions IMAP.AccessAsApp and SMTP.SendAsApp with admin consent (Microsoft) or the scope https://mail.google.com/ (Google), and username"
	case strings.Contains(text, "logging in"):
		return "check username and password; Microsoft 365 and Google take passwords no longer: use auth xoauth2"
	case strings.Contains(text, "in time") || strings.Contains(text, "timeout"):
		return "the server does not answer: check host, port and security (tls and starttls mixed up look like this), and firewalls"
	}
	return "check host, port and security"
}
