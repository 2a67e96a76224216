package illiad

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"illmail/store"
)

// FileSource takes in the exports that a job writes to a path, or into a
// folder. What it read is remembered in the store by the hash of its bytes, so
// that any number of processes read each export once.
type FileSource struct {
	DB       *store.DB
	OfficeID int64
	Path     string // a file, or a folder of .csv, .tsv, .txt, .jsonl, .ndjson and .json files
	States   *StateMap
	Full     bool          // each export holds every request that is open
	MaxAge   time.Duration // as in the configuration; 0 = data is never too old
	Settle   time.Duration // how long a file must not change before it is read; 0 = 3 s
	Log      *slog.Logger

	turn turn
	seen map[string]fileState // what was read or found read, to spare the hashing
	left report               // of the last pick-up that read something: what was left out
}

// turn lets one at a time read a source; who waits for it is as patient as the context.
type turn struct {
	once  sync.Once
	taken chan struct{}
}

func (t *turn) take(ctx context.Context) error {
	t.once.Do(func() { t.taken = make(chan struct{}, 1) })
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a reading that is under way: %w", ctx.Err())
	}
}

func (t *turn) give() { <-t.taken }

type fileState struct {
	size  int64
	mtime time.Time
}

// errChanging says that a file was still being written.
var errChanging = errors.New("it is still being written")

// PickUp takes in what is new at the path and returns how many exports that
// were. Half-written files are left for the next time: one whose size or time
// changes while it is watched or read is not taken in at all. How it went is
// the health of "source".
func (s *FileSource) PickUp(ctx context.Context) (read int, err error) {
	if err := s.turn.take(ctx); err != nil {
		return 0, err
	}
	defer s.turn.give()
	read, rep, err := s.pickUp(ctx)
	if ctx.Err() != nil {
		return read, errors.Join(err, ctx.Err())
	}
	if err != nil {
		rep.trouble = append(rep.trouble, err.Error())
	}
	if read > 0 {
		s.left = report{left: rep.left, many: rep.many}
	}
	rep.left, rep.many = s.left.left, s.left.many
	return read, errors.Join(err, rep.save(ctx, s.DB, s.OfficeID))
}

// Refresh takes in what is new, which may be about the transactions. A file
// cannot be asked about one of them, so that with MaxAge it says so and leaves
// the judgement to the age of the data.
func (s *FileSource) Refresh(ctx context.Context, officeID int64, tns []int64) error {
	if _, err := s.PickUp(ctx); err != nil {
		return err
	}
	if s.MaxAge > 0 {
		return errors.New("there is no newer export")
	}
	return nil
}

// pickUp reads what is new. A file that cannot be taken in does not keep the
// others from being read; it is tried again the next time.
func (s *FileSource) pickUp(ctx context.Context) (read int, rep report, err error) {
	files, err := s.files()
	if err != nil {
		return 0, rep, err
	}
	var failed []error
	for _, path := range files {
		res, left, done, err := s.one(ctx, path)
		switch {
		case ctx.Err() != nil:
			return read, rep, err
		case errors.Is(err, errChanging):
			s.Log.Info("an export is still being written", "file", path)
			continue
		case err != nil:
			failed = append(failed, fmt.Errorf("taking in %s: %w", path, err))
			continue
		case !done:
			continue
		}
		read++
		s.Log.Info("took in an export", "file", path, "rows", res.Rows, "added", res.Added, "updated", res.Updated, "closed", res.Closed, "bad", res.Bad)
		rep.leftOut(left, res)
		if res.ShrunkFrom > 0 {
			rep.trouble = append(rep.trouble, shrunk("the export "+filepath.Base(path), res))
		}
	}
	if len(rep.trouble) == 0 && len(files) == 0 {
		rep.trouble = append(rep.trouble, fmt.Sprintf("there is no export in %s", s.Path))
	}
	if len(failed) > maxTold {
		failed = append(failed[:maxTold], fmt.Errorf("and %d more", len(failed)-maxTold))
	}
	return read, rep, errors.Join(failed...)
}

// files lists the exports, oldest first. Of full ones only the newest counts.
func (s *FileSource) files() ([]string, error) {
	fi, err := os.Stat(s.Path)
	if err != nil {
		return nil, fmt.Errorf("looking for the export: %w", err)
	}
	if fi.Mode().IsRegular() {
		return []string{s.Path}, nil
	}
	if !fi.IsDir() { // a pipe would be waited for, and a device read without end
		return nil, fmt.Errorf("%s is neither a file nor a folder", s.Path)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return nil, fmt.Errorf("listing the exports: %w", err)
	}
	type export struct {
		path  string
		mtime time.Time
	}
	var found []export
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") ||
			!slices.Contains([]string{".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json"}, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		fi, err := os.Stat(filepath.Join(s.Path, name)) // not e.Info: of a link the target counts
		if err != nil || !fi.Mode().IsRegular() {
			continue // renamed or removed meanwhile
		}
		found = append(found, export{filepath.Join(s.Path, name), fi.ModTime()})
	}
	slices.SortFunc(found, func(a, b export) int {
		if c := a.mtime.Compare(b.mtime); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	if s.Full && len(found) > 1 {
		found = found[len(found)-1:]
	}
	paths := make([]string, len(found))
	for i, e := range found {
		paths[i] = e.path
	}
	return paths, nil
}

// one takes in the export at path unless it was read before.
func (s *FileSource) one(ctx context.Context, path string) (res store.ImportResult, left string, done bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return res, "", false, errChanging // between the old and the new one's rename
	}
	if err != nil {
		return res, "", false, fmt.Errorf("opening it: %w", err)
	}
	defer f.Close()
	before, err := s.settled(ctx, f)
	if err != nil {
		return res, "", false, err
	}
	if s.seen[path] == before {
		return res, "", false, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return res, "", false, fmt.Errorf("reading it: %w", err)
	}
	sum := h.Sum(nil)
	known, err := s.DB.SourceFileHash(ctx, s.OfficeID, path)
	if err != nil {
		return res, "", false, err
	}
	if bytes.Equal(known, sum) {
		s.remember(path, before)
		return res, "", false, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return res, "", false, fmt.Errorf("reading it again: %w", err)
	}
	h.Reset()
	checked := &sameBytes{f: io.TeeReader(f, h), same: func() bool { return bytes.Equal(h.Sum(nil), sum) }}
	r := &reading{db: s.DB, officeID: s.OfficeID, what: filepath.Base(path), log: s.Log}
	res, err = importRows(ctx, s.DB, s.OfficeID, checked, r.what, s.States, FileOptions{Full: s.Full, Bad: r.leftOut, Progress: r.progress(ctx)})
	left, endErr := r.end(ctx)
	if err = errors.Join(err, endErr); err != nil {
		return res, "", false, err
	}
	if res.ShrunkFrom > 0 {
		return res, left, true, nil // read again until someone has said whether it is complete
	}
	if err := s.DB.SetSourceFileHash(ctx, s.OfficeID, path, sum); err != nil {
		return res, "", false, err
	}
	s.remember(path, before)
	return res, left, true, nil
}

func (s *FileSource) remember(path string, state fileState) {
	if s.seen == nil {
		s.seen = map[string]fileState{}
	}
	s.seen[path] = state
}

// settled waits until the open file has not changed for the settling time. A
// file that last changed longer ago than that is taken at once.
func (s *FileSource) settled(ctx context.Context, f *os.File) (fileState, error) {
	settle := s.Settle
	if settle == 0 {
		settle = 3 * time.Second
	}
	state, err := stateOf(f)
	if err != nil || time.Since(state.mtime) > settle {
		return state, err
	}
	select {
	case <-ctx.Done():
		return state, ctx.Err()
	case <-time.After(settle):
	}
	again, err := stateOf(f)
	if err == nil && again != state {
		err = errChanging
	}
	return again, err
}

func stateOf(f *os.File) (fileState, error) {
	fi, err := f.Stat()
	if err != nil {
		return fileState{}, fmt.Errorf("looking at it: %w", err)
	}
	return fileState{fi.Size(), fi.ModTime()}, nil
}

// sameBytes reads f and fails at its end when the bytes were others than when
// it was hashed: the import then ends without effect.
type sameBytes struct {
	f    io.Reader
	same func() bool
}

func (r *sameBytes) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if err == io.EOF && !r.same() {
		err = errChanging
	}
	return n, err
}
