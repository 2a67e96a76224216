// Package triage takes the office's mail in and lets staff act on it.
//
// Intake is a mailbox.Sink. A message goes through two commits:
//
//	Receive      raw bytes and location (commit 1): it cannot be lost any more
//	FileStored   Parse → Read → facts from the store → Decide, then message,
//	             matches, conversation and queue item in one transaction (commit 2)
//
// Whatever goes wrong between the two concerns one message only: it is tried
// three times and then kept aside, where staff see it. Nothing is dropped:
// bounces, auto-replies and bulk mail are kinds, with an item that is done.
//
// Desk is what staff do: assign, close, snooze, correct, split, merge, answer.
// Prepared makes the answer that is ready before they begin to write.
//
// The states of an item, which store.ItemState follows:
//
//	new ──▶ open ──▶ waiting_patron | waiting_partner | snoozed ──▶ done
//	          ▲                        │
//	          └── mail that needs staff┘   (thanks, auto-replies and delay warnings leave it where it is)
package triage
