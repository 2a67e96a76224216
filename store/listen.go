package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Topic says what kind of rows changed.
type Topic string

// The topics of [DB.Listen].
const (
	NotifyMail         Topic = "mail"         // messages wait to be filed
	NotifyQueue        Topic = "queue"        // the list or a conversation changed
	NotifyOutbox       Topic = "outbox"       // outbox rows were queued or changed
	NotifyNotices      Topic = "notices"      // notices were planned or released
	NotifyTransactions Topic = "transactions" // transactions were imported or refreshed
	NotifyWriteBacks   Topic = "writebacks"   // write-backs to the ILL system were queued
	NotifyOffice       Topic = "office"       // health, sending or pausing changed
	NotifyPresence     Topic = "presence"     // someone opened a conversation, left it or began to write
	NotifyTemplates    Topic = "templates"    // a letter or a language of letters was approved or stopped
)

// Change says that rows of an office changed. The zero Change says that
// anything may have: the connection was made anew and some may be missed.
type Change struct {
	Topic    Topic
	OfficeID int64
}

const notifyChannel = "illmail"

// notify announces a change when the transaction commits. Equal announcements
// in one transaction arrive once.
func notify(ctx context.Context, tx pgx.Tx, topic Topic, officeID int64) error {
	if _, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, notifyChannel, fmt.Sprintf("%s %d", topic, officeID)); err != nil {
		return fmt.Errorf("announcing a change: %w", err)
	}
	return nil
}

// Listen reports changes that any process commits, until ctx ends and the
// channel is closed. It connects again by itself; the first Change after each
// connecting is the zero one. The receiver must keep receiving.
func (db *DB) Listen(ctx context.Context) <-chan Change {
	ch := make(chan Change, 64)
	go func() {
		defer close(ch)
		for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 10*time.Second) {
			if db.listenOnce(ctx, ch) {
				wait = 100 * time.Millisecond
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}()
	return ch
}

// listenOnce listens on one connection until it breaks; it reports whether it
// got as far as listening.
func (db *DB) listenOnce(ctx context.Context, ch chan<- Change) (listened bool) {
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN `+notifyChannel); err != nil {
		return false
	}
	c := Change{}
	for {
		select {
		case ch <- c:
		case <-ctx.Done():
			return true
		}
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true
		}
		topic, office, _ := strings.Cut(n.Payload, " ")
		id, _ := strconv.ParseInt(office, 10, 64)
		c = Change{Topic(topic), id}
	}
}
