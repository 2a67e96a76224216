package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldest is the oldest major version of Postgres that the schema runs on.
const oldest = 14

// ErrNoPostgres says that no usable Postgres programs are on this machine.
var ErrNoPostgres = errors.New("no Postgres is installed; install it with `apt install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora) or `brew install postgresql@17` (macOS), or set [database] url to a server that runs elsewhere")

// binaries is a folder with initdb and postgres of one version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// searchPath lists where packages put the programs; the first is PATH's own.
func searchPath() []string {
	var dirs []string
	for _, name := range []string{"postgres", "initdb"} {
		if p, err := exec.LookPath(name); err == nil {
			if p, err = filepath.EvalSymlinks(p); err == nil {
				dirs = append(dirs, filepath.Dir(p))
			}
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian
		"/usr/pgsql-*/bin",          // the PostgreSQL project's packages for Fedora and RHEL
		"/usr/bin",                  // Fedora
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/opt/homebrew/bin",
		"/usr/local/bin",
		"/usr/local/pgsql/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

// findBinaries returns the programs of that major version, or with 0 the newest
// that are installed. ok is false where there are none.
func findBinaries(dirs []string, major int) (best binaries, ok bool) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		v, err := version(dir)
		if err != nil || v < oldest || (major != 0 && v != major) {
			continue
		}
		if v > best.major {
			best = binaries{dir, v}
		}
	}
	return best, best.major != 0
}

var versionWord = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// version asks the programs in dir for their major version.
func version(dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, err
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, err
	}
	m := versionWord.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("unknown version %q", out)
	}
	return strconv.Atoi(string(m[1]))
}

// chooseBinaries returns the programs that fit the cluster in data, which may
// not exist yet.
func chooseBinaries(dirs []string, data string) (binaries, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		if bin, ok := findBinaries(dirs, 0); ok {
			return bin, nil
		}
		return binaries{}, ErrNoPostgres
	}
	if err != nil {
		return binaries{}, fmt.Errorf("reading the version of the cluster: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return binaries{}, fmt.Errorf("reading the version of the cluster: %w", err)
	}
	if bin, ok := findBinaries(dirs, major); ok {
		return bin, nil
	}
	newer, ok := findBinaries(dirs, 0)
	if !ok {
		return binaries{}, fmt.Errorf("the database in %s needs Postgres %d: %w", data, major, ErrNoPostgres)
	}
	return binaries{}, fmt.Errorf("the database in %s needs the programs of Postgres %d, and only %d is here; install postgresql-%d again, or upgrade with `%s -b OLD_BIN -B %s -d %s -D %s.new` after `%s -U %s -D %s.new`",
		data, major, newer.major, major, newer.path("pg_upgrade"), newer.dir, data, data, newer.path("initdb"), user, data)
}
