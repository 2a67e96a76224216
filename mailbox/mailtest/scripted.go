package mailtest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"illmail/mailbox"
)

// Scripted is an IMAP server that says what a script tells it to, right or
// wrong: the traps of real servers, on demand. It answers log-in, CAPABILITY,
// NOOP, LOGOUT, and what the script leaves to it, as a server with one empty
// folder would.
type Scripted struct {
	Addr   string
	script func(*Line)
	ln     net.Listener
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]int
	n     int
	lines []string
}

// Line is one command of a client, and the way to answer it.
type Line struct {
	Conn    int    // 1 for the server's first connection
	Tag     string // "T5"
	Command string // "UID SEARCH", upper case; "" is the greeting
	Args    string // what follows the command
	w       *bufio.Writer
	conn    net.Conn
	r       *bufio.Reader
	done    bool
}

// Untagged writes lines of untagged answers; "* " is put before each.
func (l *Line) Untagged(lines ...string) {
	for _, s := range lines {
		fmt.Fprintf(l.w, "* %s\r\n", s)
	}
	l.w.Flush()
}

// Raw writes as it is.
func (l *Line) Raw(s string) {
	l.w.WriteString(s)
	l.w.Flush()
}

// End writes the tagged answer, such as "OK done" or "NO [SERVERBUG] sorry".
func (l *Line) End(s string) {
	l.done = true
	fmt.Fprintf(l.w, "%s %s\r\n", l.Tag, s)
	l.w.Flush()
}

// Silence leaves the command without an answer.
func (l *Line) Silence() { l.done = true }

// HangUp closes the connection.
func (l *Line) HangUp() {
	l.done = true
	l.conn.Close()
}

// Answered reports whether the script has dealt with the command.
func (l *Line) Answered() bool { return l.done }

// ReadLine waits for the client's next line, such as DONE.
func (l *Line) ReadLine() string {
	s, _ := l.r.ReadString('\n')
	return strings.TrimRight(s, "\r\n")
}

// StartScripted starts a scripted server that ends with the test.
func StartScripted(t TB, script func(*Line)) *Scripted {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Scripted{Addr: ln.Addr().String(), script: script, ln: ln, conns: map[net.Conn]int{}}
	s.wg.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

// Account is how the product logs in to this server.
func (s *Scripted) Account() mailbox.Account {
	host, port, _ := net.SplitHostPort(s.Addr)
	n, _ := strconv.Atoi(port)
	return mailbox.Account{
		Host: host, Port: n, Security: mailbox.None,
		Username: "ill", Auth: mailbox.AuthPassword,
		Secret: func(context.Context) (string, error) { return "secret", nil },
	}
}

// Lines returns all that clients have said, each with its connection's number
// before it: "2 UID FETCH 5 (UID)".
func (s *Scripted) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

func (s *Scripted) close() {
	s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Scripted) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.n++
		n := s.n
		s.conns[c] = n
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(c, n) })
	}
}

func (s *Scripted) serve(c net.Conn, n int) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	r, w := bufio.NewReader(c), bufio.NewWriter(c)
	greeting := &Line{Conn: n, Tag: "*", w: w, conn: c, r: r}
	s.script(greeting)
	if !greeting.done {
		greeting.End("OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ready")
	}
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			return
		}
		l := &Line{Conn: n, w: w, conn: c, r: r}
		l.Tag, l.Command, _ = strings.Cut(strings.TrimRight(text, "\r\n"), " ")
		l.Command, l.Args, _ = strings.Cut(l.Command, " ")
		l.Command = strings.ToUpper(l.Command)
		if l.Command == "UID" {
			var sub string
			sub, l.Args, _ = strings.Cut(l.Args, " ")
			l.Command += " " + strings.ToUpper(sub)
		}
		s.mu.Lock()
		s.lines = append(s.lines, fmt.Sprintf("%d %s %s", n, l.Command, l.Args))
		s.mu.Unlock()
		s.script(l)
		if !l.done {
			s.byDefault(l)
		}
	}
}

func (s *Scripted) byDefault(l *Line) {
	switch l.Command {
	case "CAPABILITY":
		l.Untagged("CAPABILITY IMAP4rev1 IDLE UIDPLUS")
	case "LOGIN":
		l.End("OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] logged in")
		return
	case "SELECT", "EXAMINE":
		l.Untagged("0 EXISTS", "OK [UIDVALIDITY 1] valid", "OK [UIDNEXT 1] next")
	case "SEARCH", "UID SEARCH":
		l.Untagged("SEARCH")
	case "IDLE":
		l.Raw("+ idling\r\n")
		l.ReadLine()
	case "LOGOUT":
		l.Untagged("BYE")
	}
	l.End("OK done")
}

// Literal is s as an IMAP literal.
func Literal(s string) string { return fmt.Sprintf("{%d}\r\n%s", len(s), s) }
