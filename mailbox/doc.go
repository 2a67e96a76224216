// Package mailbox is Internet mail on the wire: it watches IMAP folders,
// parses messages and delivery reports, composes mail and submits it over
// SMTP, and looks into the Sent folder.
//
// One half of it is pure. [Parse] turns any bytes into a [Message] and never
// fails; what the message is made of by machines is told by [Message.Report]
// (bounces), [Message.AutoReply], [Message.Bulk] and [Message.AuthResults];
// [Compose] turns an [Outgoing] into bytes, the same bytes each time. This half
// knows no clock and no network, and its time and memory are linear in the
// size of the mail, whatever its sender put into it.
//
// The other half talks to servers, and no go-imap or go-mail type leaves the
// package.
package mailbox
