package main

import (
	"context"
	"log/slog"

	"illmail/illiad/catalogue"
	"illmail/store"
)

// alternatives looks for what patrons may use in place of a request; nil where
// the office names nothing to look in.
func (o *OfficeConfig) alternatives(log *slog.Logger) func(context.Context, store.Transaction) (callNumber, link string) {
	a := o.Alternatives
	f := &catalogue.Finder{Log: log.With("office", o.Code)}
	if a.SRUURL != "" {
		f.SRU = &catalogue.SRU{URL: a.SRUURL, ISBNIndex: a.SRUISBNIndex, ISSNIndex: a.SRUISSNIndex, Schema: a.SRUSchema}
	}
	if a.UnpaywallEmail != "" {
		f.Unpaywall = &catalogue.Unpaywall{URL: a.UnpaywallURL, Email: a.UnpaywallEmail}
	}
	if f.SRU == nil && f.Unpaywall == nil {
		return nil
	}
	return func(ctx context.Context, t store.Transaction) (callNumber, link string) {
		found := f.Find(ctx, catalogue.Wanted{ISSNISBN: t.ISSNISBN, DOI: t.DOI})
		return found.CallNumber, found.Link
	}
}
