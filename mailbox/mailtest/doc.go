// Package mailtest runs mail servers on loopback ports for tests and for the
// demo: an IMAP server in memory, a real Dovecot, an IMAP server that follows
// a script to misbehave, and an SMTP server that keeps, delivers, refuses or
// drops what it is given.
//
// Constructors return an error and a handle with Close; the Start functions
// tie both to a test.
package mailtest

// TB is the part of [testing.TB] that the Start functions need, so that a
// program can use this package without linking package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
}
