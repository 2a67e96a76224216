package mailbox

func parseReport(m *Message, root *entity) *Report { return nil }
