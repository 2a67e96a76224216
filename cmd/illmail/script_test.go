package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"illmail/store/storetest"
)

// programDir is where the program that tests run is built.
var programDir string

// withProgramDir makes programDir for the time of the tests.
type withProgramDir struct{ *testing.M }

func (m withProgramDir) Run() int {
	var err error
	if programDir, err = os.MkdirTemp("", "illmail-program-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programDir)
	return m.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(withProgramDir{m}, map[string]func(){
		"illmail": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the command lines of testdata/script. $DATABASE is an empty
// database of the script's own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATABASE", storetest.EmptyURL(env.T().(testing.TB)))
			return nil
		},
	})
}
