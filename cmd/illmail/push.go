package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"illmail/illiad"
	"illmail/store"
	"illmail/web"
)

// minToken is the fewest characters of a token that may not be guessed.
const minToken = 20

// push lets other systems send the office's requests; nil where it names no token.
func (inst *installation) push(o *OfficeConfig) (*web.Push, error) {
	if o.Source.PushTokenFile == "" {
		return nil, nil
	}
	token, err := readSecret(o.Source.PushTokenFile, "")
	if err != nil {
		return nil, fmt.Errorf("source.push_token_file: %w", err)
	}
	if len(token) < minToken {
		return nil, fmt.Errorf("source.push_token_file: the token has fewer than %d characters; make one with `openssl rand -hex 32`", minToken)
	}
	states, err := o.states()
	if err != nil {
		return nil, err
	}
	// A few rows say nothing of how old the rest is; where nothing else brings
	// requests, they are all that is known of it.
	fresh := o.Source.pulls() || o.ILLiad.BaseURL != ""
	take := func(ctx context.Context, body []byte) (web.PushResult, error) {
		var out web.PushResult
		res, err := illiad.Push(ctx, inst.db, inst.offices[o.Code].ID, bytes.NewReader(body), states, store.ImportOptions{Fresh: fresh,
			Bad: func(row int, why string) { out.Errors = append(out.Errors, web.PushError{Row: row, Error: why}) }})
		if errors.Is(err, illiad.ErrUnreadable) {
			return out, fmt.Errorf("%w: %w", web.ErrBadPush, err)
		}
		out.Added, out.Updated, out.Unchanged = res.Added, res.Updated, res.Unchanged
		return out, err
	}
	return &web.Push{TokenHash: sha256.Sum256([]byte(token)), Take: take}, nil
}
