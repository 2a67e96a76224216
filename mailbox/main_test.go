package mailbox_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"illmail/mailbox/mailtest"

	"go.uber.org/goleak"
)

// One Dovecot serves all tests, each with a user of its own.
var (
	dovecotOnce  sync.Once
	dovecot      *mailtest.Dovecot
	dovecotErr   error
	dovecotUsers atomic.Int64
)

func dovecotBox(t *testing.T) *mailtest.Box {
	t.Helper()
	dovecotOnce.Do(func() { dovecot, dovecotErr = mailtest.NewDovecot() })
	if dovecotErr != nil {
		t.Fatal(dovecotErr)
	}
	return dovecot.User(fmt.Sprintf("user%d", dovecotUsers.Add(1)))
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
