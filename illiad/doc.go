// Package illiad copies transactions from the ILL system into the store, and
// writes notes, history entries and routes back. It is the only package that
// knows ILLiad's names.
//
//	export file (CSV, JSON lines) ─ FileSource ─┐
//	the ILL system's database ───── SQLSource ──┤
//	another system's POST ───────── Push ───────┼→ store.Import
//	Web Platform API ─ Client ─ API.Refresh ────┘
//	                      ↑
//	store rows "writeback" ─ API.WriteBack
//
// A [StateMap] says what the ILL system's statuses mean to us; a status that it
// does not name is unknown: shown, never guessed.
package illiad
