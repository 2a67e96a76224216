package mailbox

import (
	"context"
	"errors"
	"time"
)

// SentFolder looks into an account's folder of sent mail. Its methods may be
// called at the same time; they take turns on one connection.
type SentFolder struct {
	Account Account
	Name    string // "" is the folder with the attribute \Sent
}

// Find looks for a mail by its Message-ID (without angle brackets), then by
// its X-Illmail-Ref, where ref is not "". It returns the Message-ID of what it
// found, since some providers give a mail another one.
func (s *SentFolder) Find(ctx context.Context, messageID, ref string) (found bool, foundID string, err error) {
	return false, "", errors.New("not built")
}

// Append files raw as a mail that was sent at date and read, unless a mail
// with its Message-ID is there already.
func (s *SentFolder) Append(ctx context.Context, raw []byte, date time.Time) error {
	return errors.New("not built")
}

// Folders lists the names of all folders that can hold mail.
func (s *SentFolder) Folders(ctx context.Context) ([]string, error) { return nil, errors.New("not built") }

// FindSent returns the name of the folder that holds sent mail.
func (s *SentFolder) FindSent(ctx context.Context) (string, error) { return "", errors.New("not built") }

// Close leaves the server.
func (s *SentFolder) Close() error { return nil }
