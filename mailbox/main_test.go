package mailbox_test

import (
	"sync"
	"testing"

	"illmail/mailbox/mailtest"

	"go.uber.org/goleak"
)

// One Dovecot serves all tests, each with a user of its own.
var (
	dovecotOnce sync.Once
	dovecot     *mailtest.Dovecot
	dovecotErr  error
)

func dovecotBox(t *testing.T) *mailtest.Box {
	t.Helper()
	dovecotOnce.Do(func() { dovecot, dovecotErr = mailtest.NewDovecot() })
	if dovecotErr != nil {
		t.Fatal(dovecotErr)
	}
	name := []byte(t.Name())
	for i, c := range name {
		if c == '/' || c == ' ' {
			name[i] = '-'
		}
	}
	return dovecot.User(string(name))
}

type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if dovecot != nil {
		dovecot.Close()
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }
