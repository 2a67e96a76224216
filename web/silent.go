package web

import "illmail/store"

// silent is an office whose ILLiad cannot be asked, as each page says.
type silent struct {
	Office  string // "" where there is one office only
	Since   string
	Detail  string
	Waiting int // notes, entries and routes that are to be written there
}

func (s *Server) silent(v *visit) ([]silent, error) {
	parts, err := s.DB.Health(v.ctx(), 0)
	if err != nil {
		return nil, err
	}
	var list []silent
	for _, h := range parts {
		code := s.codeOf(h.OfficeID)
		if h.Part != store.HealthILLiad || h.OK || s.offices[code] == nil {
			continue
		}
		is := silent{Office: code, Since: s.clock(v, code).Time(h.Since), Detail: h.Detail}
		if len(s.Offices) == 1 {
			is.Office = ""
		}
		if is.Waiting, err = s.DB.WaitingWriteBacks(v.ctx(), h.OfficeID); err != nil {
			return nil, err
		}
		list = append(list, is)
	}
	return list, nil
}
