package web

import (
	"slices"
	"strings"
)

// diffLine is one line of a comparison; Mark is "+" for one that is new, "-"
// for one that is gone, " " for one that stays.
type diffLine struct {
	Mark, Text string
}

// diffMost bounds what is compared line by line, lines times lines; beyond it
// all old lines are gone and all new ones new.
const diffMost = 4 << 20

// diffLines compares two texts by their longest common sequence of lines. It
// is nil where they are the same.
func diffLines(before, after string) []diffLine {
	if before == after {
		return nil
	}
	a, b := strings.Split(strings.TrimRight(before, "\n"), "\n"), strings.Split(strings.TrimRight(after, "\n"), "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []diffLine
	add := func(mark string, lines ...string) {
		for _, l := range lines {
			out = append(out, diffLine{mark, l})
		}
	}
	add(" ", a[:head]...)
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(x)*len(y) > diffMost {
		add("-", x...)
		add("+", y...)
	} else {
		out = append(out, diffMiddle(x, y)...)
	}
	add(" ", a[len(a)-tail:]...)
	return slices.Clip(out)
}

func diffMiddle(x, y []string) (out []diffLine) {
	// common[i][j] is how many lines x[i:] and y[j:] share in order.
	common := make([][]int32, len(x)+1)
	for i := range common {
		common[i] = make([]int32, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			out = append(out, diffLine{" ", x[i]})
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			out = append(out, diffLine{"-", x[i]})
			i++
		default:
			out = append(out, diffLine{"+", y[j]})
			j++
		}
	}
	return out
}
