package mailbox

import "fmt"

// Part returns the attachment at path (see [Attachment.Path]) and its decoded
// bytes, the same attachment that [Parse] lists.
func Part(raw []byte, path string) (Attachment, []byte, error) {
	root, t := parseTree(raw)
	b := &bodyReader{tree: t}
	b.read(root, placeBody)
	for _, a := range b.attachments {
		if a.Path != path {
			continue
		}
		if e := root.find(path); e != nil {
			return a, e.decoded(), nil
		}
	}
	return Attachment{}, nil, fmt.Errorf("the message has no attachment %q", path)
}

// find returns the leaf at path.
func (e *entity) find(path string) *entity {
	if len(e.children) == 0 && e.path == path {
		return e
	}
	for _, c := range e.children {
		if found := c.find(path); found != nil {
			return found
		}
	}
	return nil
}
