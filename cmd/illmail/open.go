package main

import (
	"errors"
	"fmt"
	"os"

	"illmail/notices"
	"illmail/store"
	"illmail/store/local"
)

// configFlag is the flag that most commands share.
type configFlag struct {
	Config string `help:"The configuration file." placeholder:"FILE" short:"c"`
}

// installation is an opened configuration: its database, migrated, with a row
// for each office. With the private cluster it joins the running one, or
// starts it; close stops it again where nobody else uses it.
type installation struct {
	cfg     *Config
	db      *store.DB
	offices map[string]store.Office // by code
	letters map[string]*notices.Letters
	cluster *local.Cluster
}

// open reads the configuration and opens what it names.
func (c configFlag) open(e *env) (*installation, error) {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return nil, err
	}
	return openInstallation(e, cfg)
}

func openInstallation(e *env, cfg *Config) (_ *installation, err error) {
	inst := &installation{cfg: cfg, offices: map[string]store.Office{}, letters: map[string]*notices.Letters{}}
	defer func() {
		if err != nil {
			_ = inst.close()
		}
	}()
	url := cfg.Database.URL
	if url == "" {
		if err := os.MkdirAll(cfg.StateDir, 0o755); err != nil {
			return nil, fmt.Errorf("creating the state directory: %w", err)
		}
		if inst.cluster, err = local.Start(e.ctx, cfg.StateDir, e.log); err != nil {
			return nil, fmt.Errorf("starting the private database: %w", err)
		}
		url = inst.cluster.URL()
	}
	if inst.db, err = store.Open(e.ctx, url); err != nil {
		return nil, err
	}
	if err := inst.db.Migrate(e.ctx); err != nil {
		return nil, fmt.Errorf("migrating the database: %w", err)
	}
	for _, o := range cfg.Offices {
		row, err := inst.db.EnsureOffice(e.ctx, store.Office{Code: o.Code, Name: o.Name, Address: o.Address})
		if err != nil {
			return nil, fmt.Errorf("recording office %s: %w", o.Code, err)
		}
		inst.offices[o.Code] = row
		if inst.letters[o.Code], err = notices.ReadLetters(e.ctx, inst.db, row.ID); err != nil {
			return nil, fmt.Errorf("reading the letters of office %s: %w", o.Code, err)
		}
	}
	for i := range cfg.Offices {
		o := &cfg.Offices[i]
		if o.usesTokens() && o.OAuth.Flow == flowDevice {
			o.grants = &grants{db: inst.db, officeID: inst.offices[o.Code].ID, code: o.Code, keyFile: cfg.keyFileOf(o)}
		}
	}
	return inst, nil
}

func (inst *installation) close() error {
	if inst.db != nil {
		inst.db.Close()
	}
	if inst.cluster != nil {
		return inst.cluster.Close()
	}
	return nil
}

// with opens the installation, runs fn and closes it again.
func (c configFlag) with(e *env, fn func(*installation) error) error {
	inst, err := c.open(e)
	if err != nil {
		return err
	}
	return errors.Join(fn(inst), inst.close())
}

// withRecords is with, for commands that touch the database only: they need no
// mail server in the configuration.
func (c configFlag) withRecords(e *env, fn func(*installation) error) error {
	cfg, err := readConfig(c.Config, true)
	if err != nil {
		return err
	}
	inst, err := openInstallation(e, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(inst), inst.close())
}

// pick returns the configured offices that code names: all for "".
func (inst *installation) pick(code string) ([]*OfficeConfig, error) {
	var picked []*OfficeConfig
	for i := range inst.cfg.Offices {
		if o := &inst.cfg.Offices[i]; code == "" || o.Code == code {
			picked = append(picked, o)
		}
	}
	if len(picked) == 0 {
		return nil, usageError(fmt.Sprintf("there is no office %q in %s", code, inst.cfg.file))
	}
	return picked, nil
}

type migrateCmd struct{ configFlag }

func (c migrateCmd) Run(e *env) error {
	return c.withRecords(e, func(*installation) error {
		_, err := fmt.Fprintf(e.stdout, "The schema is at version %d.\n", store.SchemaVersion())
		return err
	})
}
