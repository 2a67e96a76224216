package triage

import (
	"slices"
	"strings"
	"time"

	"illmail/classifier"
	"illmail/store"
	"illmail/templates"
)

// Office is what triage must know of an office beside its row.
type Office struct {
	store.Office
	Addresses   []string // all its own addresses, the main one among them or not
	Domains     []string // the patrons' own domains
	AuthservIDs []string // whose Authentication-Results to trust; "" accepts a topmost field without one
	Partners    []string // addresses and domains of ILL systems and libraries beside the directory
	Location    *time.Location
	Letter      templates.Office // how a letter names the office
	// Templates gives the office's letters as they are now; nil: the default set.
	Templates func() *templates.Set
	// Trusted are addresses and domains ("@oclc.org") whose mail about requests
	// is believed without staff, where the office's mail host vouches for it.
	Trusted []string
	// Renewals are the rules for asking lenders to renew; nil: this program does not ask.
	Renewals *Renewals
}

// addresses are the office's own, the main one first, in lower case.
func (o *Office) addresses() []string {
	list := []string{strings.ToLower(o.Address)}
	for _, a := range o.Addresses {
		if a = strings.ToLower(strings.TrimSpace(a)); a != "" && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

func (o *Office) own(addr string) bool {
	return addr != "" && slices.Contains(o.addresses(), strings.ToLower(strings.TrimSpace(addr)))
}

func (o *Office) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

func (o *Office) templates() *templates.Set {
	if o.Templates == nil {
		return templates.Default()
	}
	return o.Templates()
}

func (o *Office) classifierOffice() classifier.Office {
	return classifier.Office{Addresses: o.addresses(), Domains: o.Domains, AuthservIDs: o.AuthservIDs, Partners: o.Partners}
}

func domainOf(addr string) string {
	_, domain, _ := strings.Cut(addr, "@")
	return strings.ToLower(domain)
}
