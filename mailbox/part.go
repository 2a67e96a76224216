package mailbox

import "errors"

// Part returns the attachment at path (see [Attachment.Path]) and its decoded
// bytes.
func Part(raw []byte, path string) (Attachment, []byte, error) {
	return Attachment{}, nil, errors.New("no such part")
}
