// Package web is the staff pages: the triage list, the conversation with its
// request beside it, the notices of the day, the outbox, templates, figures and
// settings. Pages are rendered on the server and work wholly without
// JavaScript; the one small script only adds live changes, keys and saved drafts.
//
// Reading goes to package store; whatever changes a conversation goes through
// package triage, whatever changes a notice through package notices. This
// package decides who may do what (by [store.Role], on the server) and how it
// looks, and nothing else.
//
// Safety at the edge: http.CrossOriginProtection refuses writes from other
// sites; the Content-Security-Policy allows only our own files; HTML of a mail
// is shown only after mailbox.SafeHTML, in a sandboxed frame with a policy of
// its own; attachments are only ever downloaded.
package web
