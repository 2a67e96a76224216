package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"illmail/store"
)

// metricsHandler serves figures that are read from the database at each
// scrape, so that every daemon tells the same.
func metricsHandler(inst *installation) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(&collector{inst})
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

var (
	descList   = prometheus.NewDesc("illmail_conversations_waiting", "Conversations that wait for an answer of ours.", []string{"office"}, nil)
	descOutbox = prometheus.NewDesc("illmail_outbox_mails", "Mails in the outbox by state.", []string{"office", "state"}, nil)
	descHealth = prometheus.NewDesc("illmail_part_ok", "1 where a part works.", []string{"office", "part"}, nil)
	descErrors = prometheus.NewDesc("illmail_scrape_errors", "1 where the database could not be asked.", nil, nil)
)

type collector struct{ inst *installation }

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descList
	ch <- descOutbox
	ch <- descHealth
	ch <- descErrors
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	failed := 0.0
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, o := range c.inst.cfg.Offices {
		id := c.inst.offices[o.Code].ID
		if tabs, err := c.inst.db.CountTabs(ctx, id, 0, store.Hands{}); err != nil {
			failed = 1
		} else {
			gauge(descList, float64(tabs.NeedsAnswer), o.Code)
		}
		if states, err := c.inst.db.CountOutbox(ctx, id); err != nil {
			failed = 1
		} else {
			for s, n := range states {
				gauge(descOutbox, float64(n), o.Code, string(s))
			}
		}
		if health, err := c.inst.db.Health(ctx, id); err != nil {
			failed = 1
		} else {
			for _, h := range health {
				ok := 0.0
				if h.OK {
					ok = 1
				}
				gauge(descHealth, ok, o.Code, h.Part)
			}
		}
	}
	gauge(descErrors, failed)
}
