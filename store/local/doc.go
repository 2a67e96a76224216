// Package local runs a private Postgres cluster in a state directory, for
// installations that have no database server of their own.
//
// Everything lies in STATE/postgres: data (the cluster), run (its Unix socket),
// log, and two lock files. Every process that uses the cluster holds users.lock
// shared; on leaving, whoever gets it exclusively is the last one and stops
// Postgres. start.lock is held exclusively while someone starts or stops, so
// that the two never cross. The kernel drops both locks when a process dies:
// after kill -9 Postgres runs on and the next user joins it.
//
//	absent → (initdb) → stopped ⇄ running
//
// Postgres runs in a session of its own, so that Ctrl-C in a terminal reaches
// only us. Under systemd use KillMode=mixed, for the same reason. As root,
// which Postgres refuses, it runs as the owner of the data directory, and a new
// data directory is given to the owner of the state directory, to "postgres" or
// to "nobody", the first of these that is not root. fsync and
// synchronous_commit stay on.
package local
