package templates
func Convert(illiad string) (source string, problems []Problem) { return "", nil }
