// Command illmail is the daemon for an interlibrary loan office's inbox, and
// the commands around it: configuration, wiring, life cycle.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"illmail/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is wrong use of the command line: exit status 2.
type usageError string

func (e usageError) Error() string { return string(e) }

// env is what a command works with beside its flags.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
}

type cli struct {
	Verbose bool `help:"Log in detail." short:"v"`

	Demo       demoCmd       `cmd:"" help:"Everything on one machine with nothing configured: a sample office to look at."`
	Serve      serveCmd      `cmd:"" help:"The daemon: intake, notices, sending, staff pages."`
	Check      checkCmd      `cmd:"" help:"Try every part and say what to do."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database schema up to date (serve does so too)."`
	Import     importCmd     `cmd:"" help:"Add or update transactions with their patrons from .csv or .jsonl."`
	Queue      queueCmd      `cmd:"" help:"The triage list as the staff page shows it."`
	Outbox     outboxCmd     `cmd:"" help:"What waits, went, failed, is uncertain."`
	Notices    noticesCmd    `cmd:"" help:"Plan or run the notices of a day."`
	Explain    explainCmd    `cmd:"" help:"How each message would be understood, without a database."`
	Classifier classifierCmd `cmd:"" help:"The model that understands mail: how good it is, and how it was made."`
	Template   templateCmd   `cmd:"" help:"Notice templates: list, check, preview, convert from ILLiad."`
	Ledger     ledgerCmd     `cmd:"" help:"Per day and mailbox: what the server held and what became of it."`
	Stats      statsCmd      `cmd:"" help:"The figures that an annual report asks for."`
	Signin     signinCmd     `cmd:"" help:"Sign in for an office's mailbox by device code (flow = \"device_code\")."`
	User       userCmd       `cmd:"" help:"Staff accounts."`
	Purge      purgeCmd      `cmd:"" help:"Apply the retention rules now."`
	Handback   handbackCmd   `cmd:"" help:"Per transaction what was sent and when, for going back to the ILL system's own notices."`
	Version    versionCmd    `cmd:"" help:"Version, commit, Go, schema."`
}

// run is main without the process: tests call it too.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("illmail"),
		kong.Description("The daemon for an interlibrary loan office's inbox."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "illmail:", err)
		return 1
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "illmail: %v; see illmail --help\n", err)
		return 2
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr,
		log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))}
	err = kctx.Run(e)
	var usage usageError
	var silent exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return int(silent)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "illmail: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "illmail: %v\n", err)
	return 1
}

// exitStatus ends the command with that status; what there is to say was said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

type versionCmd struct{}

// version is set by the linker for releases.
var version = "development"

func (versionCmd) Run(e *env) error {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	_, err := fmt.Fprintf(e.stdout, "illmail %s, commit %s, %s, schema %d\n", version, commit, runtime.Version(), store.SchemaVersion())
	return err
}
