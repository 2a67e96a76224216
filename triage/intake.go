package triage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"illmail/classifier"
	"illmail/mailbox"
	"illmail/store"
)

const (
	maxAttempts = 3 // errors of one message, before it is kept aside
	// maxClaims bounds how often a message may be begun without an error: one
	// that brings the process down never reports any.
	maxClaims  = 8
	learnEvery = time.Hour
	// batchSize and batchBytes bound what is filed in one transaction.
	batchSize  = 50
	batchBytes = 4 << 20
)

// Intake takes the mail of one office in. It is a mailbox.Sink for folders of
// incoming mail; [Intake.Sink] is one for other folders. It is safe for
// concurrent use, by several processes as well.
type Intake struct {
	DB         *store.DB
	Office     Office
	Classifier *classifier.Classifier // nil: the default one
	Log        *slog.Logger
	// RetryAfter is how long a message that was begun is left alone: after an
	// error, or while another daemon files it. 0 is 10 seconds.
	RetryAfter time.Duration
	// ParseLimit is how many bytes of a message are read to understand it; all
	// are kept. 0 is 40 MB.
	ParseLimit int

	once      sync.Once
	wake      chan struct{}
	mu        sync.Mutex
	folders   map[string]store.Folder
	learned   *classifier.Classifier
	learnedAt time.Time // of the newest correction that it knows
}

func (in *Intake) init() {
	in.once.Do(func() {
		in.wake = make(chan struct{}, 1)
		in.folders = map[string]store.Folder{}
	})
}

// Sink is a mailbox.Sink for folders of that role.
func (in *Intake) Sink(role store.FolderRole) mailbox.Sink { return folderSink{in, role} }

// Marks, Receive, Vanished, SetMarks and Health make Intake a mailbox.Sink for
// folders of incoming mail.
func (in *Intake) Marks(ctx context.Context, folder string) (mailbox.Marks, error) {
	return in.Sink(store.FolderInbox).Marks(ctx, folder)
}

// Receive is commit 1.
func (in *Intake) Receive(ctx context.Context, msgs []mailbox.Fetched) error {
	return in.Sink(store.FolderInbox).Receive(ctx, msgs)
}

// Vanished notes UIDs that the server no longer has.
func (in *Intake) Vanished(ctx context.Context, folder string, uidValidity uint32, uids []uint32) error {
	return in.Sink(store.FolderInbox).Vanished(ctx, folder, uidValidity, uids)
}

// Again hands over what staff want to be asked for once more.
func (in *Intake) Again(ctx context.Context, folder string, uidValidity uint32) ([]uint32, error) {
	return in.Sink(store.FolderInbox).Again(ctx, folder, uidValidity)
}

// SetMarks moves the marks.
func (in *Intake) SetMarks(ctx context.Context, folder string, m mailbox.Marks) error {
	return in.Sink(store.FolderInbox).SetMarks(ctx, folder, m)
}

// Health notes how the watch of a folder is.
func (in *Intake) Health(ctx context.Context, folder string, ok bool, detail string) {
	in.Sink(store.FolderInbox).Health(ctx, folder, ok, detail)
}

// folderSink is an Intake for folders of one role.
type folderSink struct {
	in   *Intake
	role store.FolderRole
}

func (s folderSink) folder(ctx context.Context, name string) (store.Folder, error) {
	in := s.in
	in.init()
	in.mu.Lock()
	f, ok := in.folders[name]
	in.mu.Unlock()
	if ok && f.Role == s.role {
		return f, nil
	}
	f, err := in.DB.EnsureFolder(ctx, in.Office.ID, name, s.role)
	if err != nil {
		return f, err
	}
	in.mu.Lock()
	in.folders[name] = f
	in.mu.Unlock()
	return f, nil
}

func (s folderSink) Marks(ctx context.Context, folder string) (mailbox.Marks, error) {
	// Read anew each time: another daemon may have moved them.
	f, err := s.in.DB.EnsureFolder(ctx, s.in.Office.ID, folder, s.role)
	if err != nil {
		return mailbox.Marks{}, err
	}
	m := mailbox.Marks{UIDValidity: f.UIDValidity, HighUID: f.HighUID, BackfillUID: f.BackfillUID}
	if f.Since != nil {
		m.Since = *f.Since
	}
	return m, nil
}

func (s folderSink) SetMarks(ctx context.Context, folder string, m mailbox.Marks) error {
	f, err := s.folder(ctx, folder)
	if err != nil {
		return err
	}
	f.UIDValidity, f.HighUID, f.BackfillUID, f.Since = m.UIDValidity, m.HighUID, m.BackfillUID, nil
	if !m.Since.IsZero() {
		f.Since = &m.Since
	}
	return s.in.DB.SetFolderMarks(ctx, f)
}

func (s folderSink) Vanished(ctx context.Context, folder string, uidValidity uint32, uids []uint32) error {
	f, err := s.folder(ctx, folder)
	if err != nil {
		return err
	}
	return s.in.DB.NoteVanished(ctx, f, uidValidity, uids)
}

func (s folderSink) Again(ctx context.Context, folder string, uidValidity uint32) ([]uint32, error) {
	f, err := s.folder(ctx, folder)
	if err != nil {
		return nil, err
	}
	return s.in.DB.FetchAgain(ctx, f, uidValidity)
}

func (s folderSink) Receive(ctx context.Context, msgs []mailbox.Fetched) error {
	for len(msgs) > 0 {
		n := 1 // one folder a call is usual
		for n < len(msgs) && msgs[n].Folder == msgs[0].Folder {
			n++
		}
		f, err := s.folder(ctx, msgs[0].Folder)
		if err != nil {
			return err
		}
		batch := make([]store.Incoming, n)
		for i, m := range msgs[:n] {
			batch[i] = store.Incoming{UIDValidity: m.UIDValidity, UID: m.UID, InternalDate: m.InternalDate, Size: m.Size,
				Truncated: m.Truncated, Problem: m.Problem, Body: m.Body}
		}
		stored, err := s.in.DB.Receive(ctx, f, batch)
		if err != nil {
			return err
		}
		if stored > 0 {
			select {
			case s.in.wake <- struct{}{}:
			default: // it is awake
			}
		}
		msgs = msgs[n:]
	}
	return nil
}

func (s folderSink) Health(ctx context.Context, folder string, ok bool, detail string) {
	part := "imap:" + folder
	if s.role == store.FolderSent {
		part = "sent"
	}
	if err := s.in.DB.SetHealth(ctx, s.in.Office.ID, part, ok, detail); err != nil && ctx.Err() == nil {
		s.in.log().Warn("the state of a folder could not be noted", "part", part, "err", err)
	}
}

func (in *Intake) log() *slog.Logger {
	if in.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return in.Log
}

func (in *Intake) parseLimit() int {
	if in.ParseLimit == 0 {
		return 40 << 20
	}
	return in.ParseLimit
}

func (in *Intake) retryAfter() time.Duration {
	if in.RetryAfter == 0 {
		return 10 * time.Second
	}
	return in.RetryAfter
}

// Run files what is stored, whoever stored it, and wakes what was snoozed,
// until ctx ends; it returns ctx's error.
func (in *Intake) Run(ctx context.Context) error {
	in.init()
	changes := in.DB.Listen(ctx)
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	var lesson time.Time
	for {
		if now := time.Now(); now.Sub(lesson) > learnEvery {
			if _, err := in.Learn(ctx); err != nil && ctx.Err() == nil {
				in.log().Error("learning from corrections", "office", in.Office.Code, "err", err)
			}
			lesson = now
		}
		if _, err := in.FileStored(ctx); err != nil && ctx.Err() == nil {
			in.log().Error("filing what is stored", "office", in.Office.Code, "err", err)
		}
		if _, err := in.DB.WakeSnoozed(ctx, in.Office.ID, time.Now()); err != nil && ctx.Err() == nil {
			in.log().Error("waking what was snoozed", "office", in.Office.Code, "err", err)
		}
		if !in.waitForWork(ctx, changes, tick.C) {
			return ctx.Err()
		}
	}
}

// waitForWork returns when something may be to do; false when ctx ended.
func (in *Intake) waitForWork(ctx context.Context, changes <-chan store.Change, tick <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			for range changes { // closed once its goroutine has left
			}
			return false
		case <-in.wake:
			return true
		case <-tick:
			return true
		case c, ok := <-changes:
			if ok && (c.Topic == "" || c.Topic == store.NotifyMail && c.OfficeID == in.Office.ID) {
				return true
			}
		}
	}
}

// FileStored files all messages of the office that have only commit 1, and
// returns how many it filed. Its error is the database's; a message that
// cannot be filed is noted in its row.
func (in *Intake) FileStored(ctx context.Context) (int, error) {
	in.classifier() // one that cannot be loaded is no message's fault
	filed := 0
	for {
		claimed, err := in.DB.ClaimUnfiled(ctx, in.Office.ID, in.retryAfter(), batchSize)
		if err != nil || len(claimed) == 0 {
			return filed, err
		}
		rules, err := in.DB.RoutingRules(ctx, in.Office.ID)
		if err != nil {
			return filed, err
		}
		var batch []store.Filing
		attempts := map[int64]int{}
		size := 0
		for _, u := range claimed {
			f, err := in.understandSafely(ctx, u, rules)
			if err != nil {
				if err := in.noteFailure(ctx, u.ID, u.Attempts, err); err != nil {
					return filed, err
				}
				continue
			}
			batch = append(batch, f)
			attempts[u.ID] = u.Attempts
			if size += len(f.BodyText) + len(f.NewText); size > batchBytes {
				n, err := in.file(ctx, batch, attempts)
				if filed += n; err != nil {
					return filed, err
				}
				batch, size = nil, 0
			}
		}
		n, err := in.file(ctx, batch, attempts)
		if filed += n; err != nil {
			return filed, err
		}
	}
}

// FileSent files what is stored, until nothing of the folder of sent mail waits
// to be filed, in this process or another.
func (in *Intake) FileSent(ctx context.Context) error {
	for {
		if _, err := in.FileStored(ctx); err != nil {
			return err
		}
		if n, err := in.DB.SentUnfiled(ctx, in.Office.ID); n == 0 || err != nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (in *Intake) file(ctx context.Context, batch []store.Filing, attempts map[int64]int) (int, error) {
	if len(batch) == 0 {
		return 0, nil
	}
	results, err := in.DB.FileMessages(ctx, in.Office.ID, in.Office.addresses(), batch)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, r := range results {
		if r.Err != nil {
			if err := in.noteFailure(ctx, batch[i].ID, attempts[batch[i].ID], r.Err); err != nil {
				return n, err
			}
			continue
		}
		n++
		if r.UnknownRef {
			in.log().Error("mail of ours in Sent is not in the database; sending is stopped", "office", in.Office.Code)
		}
	}
	return n, nil
}

// noteFailure notes why one message was not filed. Where the database itself
// is away its error is returned, and the message is not to blame.
func (in *Intake) noteFailure(ctx context.Context, id int64, attempts int, problem error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := in.DB.Ping(ctx); err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	aside := attempts >= maxAttempts
	in.log().Warn("a message could not be filed", "office", in.Office.Code, "message", id, "attempt", attempts, "kept_aside", aside, "err", problem)
	return in.DB.FilingFailed(ctx, id, problem.Error(), aside)
}

// understandSafely is understand; a panic is that message's error.
func (in *Intake) understandSafely(ctx context.Context, u store.Unfiled, rules []store.RoutingRule) (f store.Filing, err error) {
	defer func() {
		if r := recover(); r != nil {
			in.log().Error("a message made the program panic", "message", u.ID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errors.New("the program stumbled over this message")
		}
	}()
	if u.Attempts > maxClaims {
		return f, errors.New("this message was begun several times and never finished; it may bring the program down")
	}
	return in.understand(ctx, u, rules)
}
