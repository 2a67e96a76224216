// Package notices decides which notices of an office are due, queues them as
// mails, submits the outbox and settles what became uncertain.
//
// [Decide] is the heart and pure: a day, the office's [Rules] and the facts of
// one transaction give send, hold or skip, each with its reason. [Planner] asks
// it over all that can fall due and writes the mails, their text fixed.
// [Dispatcher] submits them, one door for notices and staff's replies, and
// [Scheduler] makes the runs happen, each once however many daemons there are.
//
// A mail moves through these states; CHECK constraints and the WHERE of each
// UPDATE in package store say the same:
//
//	          planner           staff: approve
//	(due) ───────────► held ─────────────────────┐
//	  │                 │ ▲ staff: hold           │
//	  │                 │ └────────────────┐      ▼
//	  └─────────────────│──────────────────┴── queued ◄───────────────┐
//	                    │ staff: cancel,        │  ▲                   │
//	                    │ re-plan, re-check     │  │ 4xx, not handed   │
//	                    ▼                       │  │ over              │
//	                cancelled ◄─────────────────┤  │                   │
//	                    ▲        immediately    ▼  │                   │
//	                    │        before MAIL  sending ──5xx──► failed  │
//	                    │        FROM          │  │                    │
//	                    │                      │  └──250──► sent ◄──┐  │
//	                    │   connection lost    ▼                    │  │
//	                    └──────────────────uncertain ───────────────┴──┘
//	                      staff: cancel      found in Sent, staff: sent;
//	                                         proved absent, staff: again: queued
//
// What is sending for longer than 15 minutes becomes uncertain. Nothing becomes
// queued again by itself while it is unknown whether the server took it. Where a
// copy of a held or queued mail turns up in Sent, the records are older than
// the mail: it becomes sent, and sending stops until someone confirms.
package notices
