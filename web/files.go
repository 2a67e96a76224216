package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"illmail/store"
)

// maxUpload bounds a form that may carry files: more than a mail may hold, so
// that too big a file is refused with a sentence and the text kept.
const maxUpload = store.MaxFileBytes + 24<<20

// readForm reads a form that may carry files; the caller must call done.
func readForm(v *visit) (done func(), err error) {
	err = v.r.ParseMultipartForm(4 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil // the form's fields were read
	}
	done = func() {
		if v.r.MultipartForm != nil {
			_ = v.r.MultipartForm.RemoveAll() // what is left lies in the system's temporary folder
		}
	}
	if tooBig := (*http.MaxBytesError)(nil); err != nil && !errors.As(err, &tooBig) {
		err = badRequest("The form could not be read.")
	}
	return done, err
}

// uploaded are the files of a form, without the empty field that browsers send.
func uploaded(v *visit) []*multipart.FileHeader {
	if v.r.MultipartForm == nil {
		return nil
	}
	var list []*multipart.FileHeader
	for _, f := range v.r.MultipartForm.File["upload"] {
		if f.Filename != "" {
			list = append(list, f)
		}
	}
	return list
}

// keepUploads attaches the files of a form to a draft, which must be there, and
// returns their ids. problem says in a sentence why not all of them were.
func (s *Server) keepUploads(v *visit, conversation, owner int64) (ids []int64, problem string, err error) {
	for _, h := range uploaded(v) {
		f := store.FileData{File: store.File{Name: h.Filename, ContentType: h.Header.Get("Content-Type")}}
		if h.Size > store.MaxFileBytes {
			return ids, tooBig(h.Filename), nil
		}
		r, err := h.Open()
		if err != nil {
			return ids, "", fmt.Errorf("opening an upload: %w", err)
		}
		f.Data, err = io.ReadAll(r)
		r.Close()
		if err != nil {
			return ids, "", fmt.Errorf("reading an upload: %w", err)
		}
		id, err := s.Desk.Attach(v.ctx(), conversation, owner, f)
		if errors.Is(err, store.ErrTooMuch) {
			return ids, tooBig(h.Filename), nil
		}
		if err != nil {
			return ids, "", err
		}
		ids = append(ids, id)
	}
	return ids, "", nil
}

func tooBig(name string) string {
	return fmt.Sprintf("“%s” was not attached: the files of a mail may have %s together, and be %d at most.", name, byteWords(store.MaxFileBytes), store.MaxFiles)
}

// formFiles are the files of the draft that the form shows.
func formFiles(v *visit) ([]int64, error) {
	var ids []int64
	for _, text := range v.r.PostForm["file"] {
		id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, badRequest("%q is no file.", text)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// file downloads a file that goes with a mail of ours.
func (s *Server) file(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	f, err := s.DB.ReadFile(v.ctx(), id)
	if err != nil {
		return err
	}
	download(v.w.Header(), f.Name)
	v.w.Header().Set("Content-Length", strconv.Itoa(len(f.Data)))
	_, _ = v.w.Write(f.Data) // the browser left: nothing to do about it
	return nil
}
