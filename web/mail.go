package web

import (
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"illmail/mailbox"
	"illmail/store"
)

// maxRaw bounds how much of a message is parsed for one page.
const maxRaw = 40 << 20

// framePolicy is the policy of a frame that shows HTML of a mail: nothing is
// fetched, nothing runs, only its own style is applied.
const framePolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"

// pathID reads a number from the path; anything else is nothing of ours.
func pathID(v *visit, name string) (int64, error) {
	id, err := strconv.ParseInt(v.r.PathValue(name), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the address: %w", store.ErrNotFound)
	}
	return id, nil
}

// message shows one message by itself: what was kept aside, mostly. One that
// was filed is shown in its conversation.
func (s *Server) message(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	m, err := s.DB.StoryMessageByID(v.ctx(), id)
	if err != nil {
		return err
	}
	if m.ConversationID != nil {
		return v.redirect(fmt.Sprintf("/conversations/%d#m%d", *m.ConversationID, id))
	}
	raw, more, err := s.DB.ReadRaw(v.ctx(), id, 64<<10)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // the server never gave it
		return err
	}
	return s.render(v, http.StatusOK, "message", "/", map[string]any{
		"M": m, "Clock": s.clock(v, s.codeOf(m.OfficeID)), "Raw": strings.ToValidUTF8(string(raw), "\uFFFD"), "More": more,
		"MayRetry": v.staff.Role.AtLeast(store.RoleStaff)})
}

// retryMessage files a message anew that was kept aside.
func (s *Server) retryMessage(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	if err := s.Desk.RetryKeptAside(v.ctx(), id, actor(v)); err != nil {
		return err
	}
	return v.redirect("/?tab=" + tabKeptAside + "&done=retried")
}

// messageHTML is what a frame shows: the mail's own formatting, sanitised, and
// fenced in by the narrowest policy.
func (s *Server) messageHTML(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	raw, _, err := s.DB.ReadRaw(v.ctx(), id, maxRaw)
	if err != nil {
		return err
	}
	m := mailbox.Parse(raw)
	body := mailbox.SafeHTML(m.HTML)
	if strings.TrimSpace(m.HTML) == "" {
		body = "<pre style=\"white-space: pre-wrap; font: inherit\">" + html.EscapeString(m.Text) + "</pre>"
	}
	return s.frameHTML(v, body)
}

// frameHTML answers with a document around foreign HTML, for a sandboxed frame.
func (s *Server) frameHTML(v *visit, body string) error {
	return s.frameDocument(v, "<!doctype html><html lang=\"\"><meta charset=\"utf-8\"><title>The mail as it was sent</title><base target=\"_blank\">"+
		"<style>body{font:15px/1.5 system-ui,sans-serif;margin:1rem;color:#1b1d20;background:#fff;overflow-wrap:anywhere}img{max-width:100%;height:auto}table{max-width:100%}</style><body>"+body)
}

// frameDocument answers with a whole document under the narrowest policy.
func (s *Server) frameDocument(v *visit, document string) error {
	h := v.w.Header()
	h.Set("Content-Security-Policy", framePolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	return writeBody(v, http.StatusOK, []byte(document))
}

// messageRaw downloads a message as it came.
func (s *Server) messageRaw(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	if _, err := s.DB.StoryMessageByID(v.ctx(), id); err != nil {
		return err
	}
	download(v.w.Header(), fmt.Sprintf("message-%d.eml", id))
	_, err = s.DB.WriteRaw(v.ctx(), id, v.w)
	if err != nil && v.ctx().Err() != nil {
		return nil // the browser left in the middle
	}
	return err
}

// attachment downloads one part. Whatever it claims to be, a browser never
// shows it as a page of ours.
func (s *Server) attachment(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	raw, more, err := s.DB.ReadRaw(v.ctx(), id, maxRaw)
	if err != nil {
		return err
	}
	if more {
		return badRequest("This message is bigger than %s; download it whole.", byteWords(maxRaw))
	}
	part, data, err := mailbox.Part(raw, v.r.PathValue("path"))
	if err != nil {
		return fmt.Errorf("reading a part (%v): %w", err, store.ErrNotFound)
	}
	download(v.w.Header(), part.Name)
	v.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = v.w.Write(data)
	return nil
}

// download makes a browser save what follows, under that name (RFC 6266).
func download(h http.Header, name string) {
	if name == "" {
		name = "attachment"
	}
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" {
		disposition = "attachment"
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
}

// codeOf is the code of the office with that id.
func (s *Server) codeOf(id int64) string {
	for _, o := range s.Offices {
		if o.ID == id {
			return o.Code
		}
	}
	return ""
}
