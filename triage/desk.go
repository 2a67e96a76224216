package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"illmail/store"
)

// Desk is what staff do with conversations. Its errors wrap store.ErrConflict
// where the conversation changed since the page was made, and say how;
// store.ErrNotFound where it is not there.
type Desk struct {
	DB      *store.DB
	Offices []Office
	// Undo is how long a reply waits so that it can be taken back; 0 is 10 seconds.
	Undo time.Duration
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// office returns what is known of an office, or an error that names it.
func (d *Desk) office(id int64) (*Office, error) {
	for i := range d.Offices {
		if d.Offices[i].ID == id {
			return &d.Offices[i], nil
		}
	}
	return nil, fmt.Errorf("office %d is not in the configuration: %w", id, store.ErrNotFound)
}

// Assign gives a conversation to staff, 0 is nobody; was is who had it on the page.
func (d *Desk) Assign(ctx context.Context, conversation, to, was int64, actor store.Actor) error {
	return d.DB.Assign(ctx, conversation, to, was, actor)
}

// Close takes a conversation off the list. seen is the item's LastMessageID on
// the page; 0 closes whatever came.
func (d *Desk) Close(ctx context.Context, conversation, seen int64, actor store.Actor, why string) error {
	return d.DB.CloseConversation(ctx, conversation, seen, actor, why)
}

// Reopen puts a conversation back on the list.
func (d *Desk) Reopen(ctx context.Context, conversation int64, actor store.Actor, why string, now time.Time) error {
	return d.DB.ReopenConversation(ctx, conversation, actor, why, now)
}

// Snooze takes a conversation off the list until then, the zero time is until an
// answer comes; mail brings it back earlier.
func (d *Desk) Snooze(ctx context.Context, conversation, seen int64, until time.Time, actor store.Actor) error {
	return d.DB.SnoozeConversation(ctx, conversation, seen, until, actor)
}

// HandOver gives a conversation to someone with the reason; was is who had it on
// the page.
func (d *Desk) HandOver(ctx context.Context, conversation, to, was int64, why string, actor store.Actor) error {
	return d.DB.HandOver(ctx, conversation, to, was, why, actor)
}

// SendBack gives a draft that asks for approval back to its writer.
func (d *Desk) SendBack(ctx context.Context, conversation, writer int64, why string, actor store.Actor) error {
	return d.DB.SendBack(ctx, conversation, writer, why, actor)
}

// Note writes an internal note.
func (d *Desk) Note(ctx context.Context, conversation int64, body string, actor store.Actor) error {
	if body = strings.TrimSpace(body); body == "" {
		return nil
	}
	return d.DB.AddNote(ctx, conversation, body, actor)
}

// Move puts a conversation into one of the office's own queues, 0 is none.
func (d *Desk) Move(ctx context.Context, conversation, queue int64, actor store.Actor) error {
	return d.DB.MoveToQueue(ctx, conversation, queue, actor)
}

// Label sets the office's own label of a conversation; "" takes it off.
func (d *Desk) Label(ctx context.Context, conversation int64, label string, actor store.Actor) error {
	return d.DB.LabelConversation(ctx, conversation, cut(strings.TrimSpace(label), 4*MaxLabel), actor)
}

// ChangeMatch files a conversation on requests, or takes it off them.
func (d *Desk) ChangeMatch(ctx context.Context, conversation int64, c store.MatchChange, actor store.Actor) error {
	return d.DB.ChangeMatch(ctx, conversation, c, actor)
}

// CorrectIntent records what staff say a message is; the classifier learns
// from it. intent is "" for kinds that have none.
func (d *Desk) CorrectIntent(ctx context.Context, message int64, kind, intent string, actor store.Actor) error {
	return d.DB.CorrectReading(ctx, message, kind, intent, actor)
}

// Split moves messages of a conversation into a new one and returns it.
func (d *Desk) Split(ctx context.Context, conversation int64, messages []int64, actor store.Actor) (int64, error) {
	return d.DB.SplitConversation(ctx, conversation, messages, actor)
}

// TakeBack undoes what the same person did with a conversation a while ago, and
// returns it: closing, snoozing, re-filing, joining, splitting.
func (d *Desk) TakeBack(ctx context.Context, undo int64, actor store.Actor) (int64, error) {
	return d.DB.UndoLast(ctx, undo, actor)
}

// Merge joins two conversations and returns the one that stays. One with a
// patron and one with another house stay apart: an answer would go to the wrong
// one.
func (d *Desk) Merge(ctx context.Context, a, b int64, actor store.Actor) (int64, error) {
	var outside []bool
	for _, id := range []int64{a, b} {
		st, err := d.DB.ReadStory(ctx, id)
		if err != nil {
			return 0, err
		}
		outside = append(outside, st.Conversation.Free() || Outside(st.Conversation.Kind))
	}
	if outside[0] != outside[1] {
		return 0, fmt.Errorf("one is with a patron, the other with another library or vendor: they stay apart, so that no answer goes to the wrong one: %w", store.ErrConflict)
	}
	return d.DB.MergeConversations(ctx, a, b, actor)
}

// SaveDraft keeps what someone is writing.
func (d *Desk) SaveDraft(ctx context.Context, draft store.Draft, now time.Time) error {
	return d.DB.SaveDraft(ctx, draft, now)
}

// Attach keeps a file with a draft, which must be there, and returns its id;
// store.ErrTooMuch where the mail would grow too big.
func (d *Desk) Attach(ctx context.Context, conversation, staff int64, f store.FileData) (int64, error) {
	return d.DB.AttachFile(ctx, conversation, staff, f)
}

// Detach takes a file off a draft.
func (d *Desk) Detach(ctx context.Context, conversation, staff, file int64) error {
	return d.DB.DropFile(ctx, conversation, staff, file)
}

// RetryKeptAside files a message again that could not be filed.
func (d *Desk) RetryKeptAside(ctx context.Context, message int64, actor store.Actor) error {
	return d.DB.RetryKeptAside(ctx, message, actor)
}

// ConfirmOutcome records what was found where a patron said that an item was
// returned: found, not_found or with_lender. Until then its notices hold.
func (d *Desk) ConfirmOutcome(ctx context.Context, transactionID int64, outcome string, actor store.Actor) error {
	return d.DB.RecordClaimOutcome(ctx, transactionID, outcome, actor.Name)
}
