// Package store keeps the records of an interlibrary-loan office in Postgres:
// offices, patrons, transactions, messages, conversations, notices and the
// outbox. It is the only package that knows SQL and the only one that sees a
// pgx type.
//
// Everything that must survive a crash is a row here, and every change of
// state happens inside one transaction together with its event row. What two
// processes may try at once is decided by the statement itself (a unique key,
// ON CONFLICT, a WHERE on the old state), never by reading first.
//
// The states, which CHECK constraints repeat in migrations/0001_init.sql:
//
//	queue item  new → open → waiting_patron | waiting_partner | snoozed → done
//	            mail that needs staff brings it back to open
//	outbox      held → queued → sending → sent | failed | uncertain
//	            sending → queued (4xx), uncertain → sent | queued | cancelled
//	            held, queued → cancelled
//	notice      planned | passed | told | held | skipped | dropped
//
// Each row carries its office: transaction numbers are unique per office only.
// Package store/local runs a private Postgres for installations without one;
// package store/storetest gives each test a database of its own.
package store
