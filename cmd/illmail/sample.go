package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"illmail/store"
)

// The sample office of `illmail demo`: everything and everybody in it is
// invented. Days are given relative to the day of the first start.

const sampleAddress = "ill@northfield.example.edu"

type samplePatron struct {
	username, first, last, status, department, language string
}

func (p samplePatron) email() string { return p.username + "@northfield.example.edu" }
func (p samplePatron) name() string  { return p.first + " " + p.last }

var samplePatrons = []samplePatron{
	{"aokafor", "Adaeze", "Okafor", "Graduate", "History", ""},
	{"blindqvist", "Britta", "Lindqvist", "Faculty", "Linguistics", ""},
	{"cmoreau", "Camille", "Moreau", "Graduate", "French", ""},
	{"dreyes", "Daniela", "Reyes", "Undergraduate", "Nursing", "es"},
	{"ehartman", "Elias", "Hartman", "Undergraduate", "Philosophy", ""},
	{"fbianchi", "Franca", "Bianchi", "Faculty", "Art History", ""},
	{"gwashburn", "Grace", "Washburn", "Staff", "Advancement", ""},
	{"hnakamura", "Hiro", "Nakamura", "Graduate", "Physics", ""},
	{"imcallister", "Iona", "McAllister", "Faculty", "Environmental Studies", ""},
	{"jpetrov", "Jana", "Petrov", "Undergraduate", "Economics", ""},
	{"kobrien", "Kevin", "O'Brien", "Graduate", "English", ""},
	{"ltran", "Linh", "Tran", "Undergraduate", "Biology", "vi"},
	{"mschaefer", "Moritz", "Schaefer", "Visiting Scholar", "Musicology", ""},
	{"nabdi", "Nimo", "Abdi", "Graduate", "Public Health", ""},
	{"ocastillo", "Omar", "Castillo", "Undergraduate", "Architecture", ""},
	{"pgallagher", "Patrick", "Gallagher", "Faculty", "History", ""},
	{"qzhang", "Qiu", "Zhang", "Graduate", "Chemistry", ""},
	{"rsingh", "Ravi", "Singh", "Faculty", "Computer Science", ""},
	{"sfernandes", "Sofia", "Fernandes", "Graduate", "Anthropology", "pt"},
	{"tmbeki", "Thandi", "Mbeki", "Graduate", "Political Science", ""},
	{"uweiss", "Ulrike", "Weiss", "Faculty", "German", ""},
	{"vmorales", "Victor", "Morales", "Undergraduate", "Sociology", ""},
	{"wcarver", "Wendell", "Carver", "Emeritus", "Geology", ""},
	{"xlopez", "Ximena", "Lopez", "Graduate", "Education", ""},
	{"yhaddad", "Yara", "Haddad", "Undergraduate", "Film Studies", ""},
}

// sampleLenderNames are the lenders that write; the others have an address only.
var sampleLenderNames = map[string][2]string{
	"DUK": {"Duke Branch Library", "lending@library.dukebranch.example"}, "VTC": {"Vatican Hill Theological Library", "ill@vhtl.example"},
	"LAV": {"LAV Prêt entre bibliothèques", "peb@lav.example"}, "UTM": {"UTM Resource Sharing", "rss@utm.example"}, "BRL": {"BRL Document Supply", "docsupply@brl.example"},
}

// sampleLenders is the directory of the libraries that lend to the sample office.
func sampleLenders(office int64) []store.Lender {
	var list []store.Lender
	for _, r := range sampleRequests {
		if r.lender == "" || slices.ContainsFunc(list, func(l store.Lender) bool { return l.Symbol == r.lender }) {
			continue
		}
		l := store.Lender{OfficeID: office, Symbol: r.lender, Name: r.lender + " Library", Addresses: []string{"ill@" + strings.ToLower(r.lender) + ".example"}}
		if known, ok := sampleLenderNames[r.lender]; ok {
			l.Name, l.Addresses = known[0], []string{known[1]}
		}
		list = append(list, l)
	}
	return list
}

// sampleRequest is one transaction; days count from today, negative = past.
type sampleRequest struct {
	tn                     int64
	patron                 string
	status                 string
	title, article, author string
	due                    int // days from today; 0 with noDue
	moved                  int // days since the status changed
	lender                 string
	told                   int // overdue rungs told before
	renewals               bool
	reason                 string
	openDays               bool // moved counts open days: for delay notices
	noDue                  bool
}

const (
	checkedOut = "Checked Out to Customer"
	reqSent    = "Request Sent"
	onShelf    = "Customer Notified via E-Mail"
	delivered  = "Delivered to Web"
	finished   = "Request Finished"
	byStaff    = "Cancelled by ILL Staff"
	byPatron   = "Cancelled by Customer"
)

var sampleRequests = []sampleRequest{
	// On loan: overdue today by a rung, overdue and told, due soon, due later.
	{tn: 412304, patron: "aokafor", status: checkedOut, title: "Salt Roads: Trade and Memory in the Niger Bend", author: "Obi, Chike", due: -1, moved: 36, lender: "KBU", renewals: true},
	{tn: 412311, patron: "aokafor", status: checkedOut, title: "Colonial Ledgers, Market Women", author: "Ekwueme, Ngozi", due: -1, moved: 34, lender: "PRV", renewals: true},
	{tn: 412287, patron: "kobrien", status: checkedOut, title: "The Drowned Parish: Flood Narratives in Irish Fiction", author: "Tierney, Maeve", due: -7, moved: 40, lender: "DLM", told: 1},
	{tn: 412290, patron: "kobrien", status: checkedOut, title: "Letters from the Bog Road", author: "Quinn, Aoife", due: -1, moved: 33, lender: "DLM", renewals: true},
	{tn: 412198, patron: "wcarver", status: checkedOut, title: "Varves and Vanished Lakes", author: "Lindgren, Per", due: -14, moved: 60, lender: "UMX", told: 2},
	{tn: 412120, patron: "ocastillo", status: checkedOut, title: "Concrete After Empire", author: "Saldanha, Rui", due: -28, moved: 70, lender: "TXC", told: 3},
	{tn: 412322, patron: "jpetrov", status: checkedOut, title: "Households at the Border: Informal Credit in the Danube Region", author: "Ilieva, Mira", due: -1, moved: 30, lender: "OHS"},
	{tn: 412330, patron: "vmorales", status: checkedOut, title: "Neighbors by Design", author: "Prentiss, Laurel", due: -3, moved: 31, lender: "CIN", told: 1, renewals: true},
	{tn: 412341, patron: "blindqvist", status: checkedOut, title: "Vowel Harmony: A Field Manual", author: "Aaltonen, Kirsi", due: 3, moved: 25, lender: "WIS", renewals: true},
	{tn: 412348, patron: "hnakamura", status: checkedOut, title: "Notes on Spin Glasses", author: "Farkas, Bela", due: 3, moved: 24, lender: "CAL"},
	{tn: 412352, patron: "hnakamura", status: checkedOut, title: "Disorder and Memory in Condensed Matter", author: "Iwasaki, Ren", due: 9, moved: 20, lender: "CAL", renewals: true},
	{tn: 412357, patron: "fbianchi", status: checkedOut, title: "Gilded Panels of the Marche", author: "Serra, Ottavia", due: 3, moved: 27, lender: "GTY", renewals: false},
	{tn: 412360, patron: "sfernandes", status: checkedOut, title: "Kinship Without Houses", author: "Pires, Leonor", due: 5, moved: 22, lender: "NMU", renewals: true},
	{tn: 412363, patron: "tmbeki", status: checkedOut, title: "Parliaments of the Street", author: "Dube, Sipho", due: 12, moved: 16, lender: "ILU", renewals: true},
	{tn: 412365, patron: "imcallister", status: checkedOut, title: "Peat: A Natural History", author: "Ross, Catriona", due: 15, moved: 12, lender: "EDN", renewals: true},
	{tn: 412368, patron: "mschaefer", status: checkedOut, title: "The Unfretted Clavichord", author: "Vogel, Annelie", due: 18, moved: 10, lender: "YUS", renewals: false},
	{tn: 412371, patron: "cmoreau", status: checkedOut, title: "Cartes du Tendre: Lire les salons", author: "Delorme, Solange", due: 6, moved: 21, lender: "LAV", renewals: true},
	{tn: 412374, patron: "pgallagher", status: checkedOut, title: "Harvest Wages and the Parish Chest, 1690-1750", author: "Attwood, Miles", due: 20, moved: 8, lender: "BRL", renewals: true},
	{tn: 412376, patron: "uweiss", status: checkedOut, title: "Briefe aus der Zwischenzeit", author: "Kaltenbach, Ruth", due: 24, moved: 5, lender: "HDB", renewals: true},
	{tn: 412379, patron: "nabdi", status: checkedOut, title: "Community Health Workers: A Handbook", author: "Warsame, Idil", due: 11, moved: 17, lender: "EMU", renewals: true},
	{tn: 412381, patron: "yhaddad", status: checkedOut, title: "Light Leaks: Super 8 and the Home Archive", author: "Costigan, Dale", due: 7, moved: 20, lender: "USC", renewals: true},
	{tn: 412150, patron: "gwashburn", status: "Renewal Requested", title: "The Generous Campus", author: "Holloway, June", due: -2, moved: 2, lender: "DUK", renewals: true},
	{tn: 412384, patron: "rsingh", status: "Renewed by ILL Staff to later", title: "Type Systems for Working Programmers", author: "Oyelaran, Femi", due: 14, moved: 3, lender: "CMU", renewals: false},
	{tn: 412105, patron: "xlopez", status: "Claims Returned", title: "Reading Circles in Rural Schools", author: "Banerjee, Tara", due: -20, moved: 6, lender: "ASU", told: 2},

	// With lenders: some have not moved for seven and fourteen open days.
	{tn: 412401, patron: "qzhang", status: reqSent, title: "Journal of Applied Electrocatalysis", article: "Nickel foams as low-cost anodes: a ten-year review", author: "Marchetti, L.", moved: 7, openDays: true, noDue: true},
	{tn: 412405, patron: "tmbeki", status: reqSent, title: "Oral Histories of the Transkei", author: "Mda, Nomsa", moved: 7, openDays: true, noDue: true},
	{tn: 412408, patron: "imcallister", status: "Awaiting Unfilled Processing", title: "Sphagnum Ecology of the Outer Isles", author: "MacNeil, Iain", moved: 14, openDays: true, noDue: true},
	{tn: 412412, patron: "ltran", status: reqSent, title: "Aquatic Botany Letters", article: "Seed dispersal of Vallisneria in slow rivers", author: "Pham, T.", moved: 2, noDue: true},
	{tn: 412415, patron: "dreyes", status: reqSent, title: "Enfermería y comunidad", author: "Salas, Irene", moved: 3, noDue: true},
	{tn: 412418, patron: "ehartman", status: reqSent, title: "Hume's Garden", author: "Pemberton, Alice", moved: 1, noDue: true},
	{tn: 412421, patron: "mschaefer", status: reqSent, title: "Early Keyboard Quarterly", article: "Tangent wear and intonation in eighteenth-century clavichords", author: "Strand, B.", moved: 4, noDue: true},
	{tn: 412424, patron: "rsingh", status: reqSent, title: "Proceedings of the Workshop on Incremental Computing", article: "Change propagation without tears", author: "Holm, K.", moved: 1, noDue: true},
	{tn: 412427, patron: "fbianchi", status: "Awaiting Conditional Request Processing", title: "Inventories of the Confraternity of Santa Chiara", author: "Galli, Marta", moved: 2, noDue: true, lender: "VTC"},
	{tn: 412429, patron: "nabdi", status: reqSent, title: "East African Medical Notes", article: "Vaccine cold chains by bicycle", author: "Ochieng, R.", moved: 5, noDue: true},

	// In the office's own queues.
	{tn: 412441, patron: "vmorales", status: "Awaiting Request Processing", title: "Block Associations, 1968-1980", author: "Dunne, Teresa", moved: 1, noDue: true},
	{tn: 412443, patron: "yhaddad", status: "Awaiting Copyright Clearance", title: "Sound Studies Review", article: "The hiss of the cassette", author: "Brandt, M.", moved: 1, noDue: true},
	{tn: 412446, patron: "jpetrov", status: "Submitted by Customer", title: "Price Boards and Panic", author: "Roubini, Carla", moved: 0, noDue: true},
	{tn: 412448, patron: "xlopez", status: "Awaiting Request Processing", title: "Bilingual Classrooms on the Llano", author: "Ortega, Rita", moved: 2, noDue: true},
	{tn: 412450, patron: "cmoreau", status: "Request in Processing", title: "Revue des études galantes", article: "L'art de la réponse chez Mlle de Scudéry", author: "Faure, P.", moved: 1, noDue: true},

	// On the shelf, delivered, in transit.
	{tn: 412461, patron: "ehartman", status: onShelf, title: "On Keeping Promises", author: "Whitlock, Dorothea", due: 27, moved: 2, lender: "NOC", renewals: true},
	{tn: 412463, patron: "pgallagher", status: onShelf, title: "The Overseers' Accounts of Ludlow", author: "Corbet, John", due: 25, moved: 6, lender: "LON"},
	{tn: 412465, patron: "dreyes", status: onShelf, title: "Clinical Spanish: Cases", author: "Vidal, Ana", due: 22, moved: 1, lender: "UTM", renewals: true},
	{tn: 412467, patron: "ltran", status: "In Transit to Pickup Location", title: "Mangrove Roots: An Atlas", author: "Suwan, Chai", due: 29, moved: 1, lender: "UHM", renewals: true},
	{tn: 412470, patron: "qzhang", status: delivered, title: "Catalysis Today and Tomorrow", article: "Surface reconstruction under bias", author: "Abe, S.", moved: 1, noDue: true},
	{tn: 412472, patron: "nabdi", status: delivered, title: "Journal of Field Epidemiology", article: "Contact tracing with paper maps", author: "Lwin, K.", moved: 2, noDue: true},
	{tn: 412474, patron: "sfernandes", status: delivered, title: "Ethnos Notebooks", article: "House names and lineage in the Minho", author: "Barros, J.", moved: 1, noDue: true},
	{tn: 412476, patron: "gwashburn", status: delivered, title: "Philanthropy Quarterly", article: "Why alumni stop giving", author: "Stein, D.", moved: 3, noDue: true},
	{tn: 412478, patron: "uweiss", status: delivered, title: "Zeitschrift für Briefkultur", article: "Poststempel und Zensur", author: "Lang, H.", moved: 4, noDue: true},

	// Cancelled: letters are due for the fresh ones.
	{tn: 412481, patron: "ehartman", status: byStaff, title: "Introduction to Logic, 12th edition", author: "Sayre, P.", moved: 1, reason: "Textbook - cannot be borrowed", openDays: true, noDue: true},
	{tn: 412483, patron: "ocastillo", status: byStaff, title: "Ferrocement Details", author: "Nervo, G.", moved: 1, reason: "No lender found", openDays: true, noDue: true},
	{tn: 412485, patron: "vmorales", status: byStaff, title: "City and Community Reports", article: "Stoops and sidewalks", author: "Hale, W.", moved: 1, reason: "Available online through our library", openDays: true, noDue: true},
	{tn: 412487, patron: "wcarver", status: byStaff, title: "Glacial Maps of Vesterland, sheet 4", author: "Survey Office", moved: 2, reason: "Library use only", openDays: true, noDue: true},
	{tn: 412489, patron: "jpetrov", status: byPatron, title: "Ledger Days", author: "Kostova, E.", moved: 1, noDue: true},
	{tn: 412491, patron: "xlopez", status: byStaff, title: "Letters to a Young Teacher, reprint", author: "Moss, H.", moved: 1, reason: "Duplicate request", openDays: true, noDue: true},

	// Finished, for the history beside a patron's mail.
	{tn: 411870, patron: "aokafor", status: finished, title: "Cowries and Credit", author: "Bello, Amina", due: -60, moved: 58, lender: "KBU"},
	{tn: 411902, patron: "kobrien", status: finished, title: "Island Schoolmasters", author: "Foley, Sean", due: -52, moved: 50, lender: "DLM"},
	{tn: 411934, patron: "blindqvist", status: finished, title: "Consonant Gradation in Contact", author: "Rinne, O.", due: -47, moved: 49, lender: "WIS"},
	{tn: 411951, patron: "pgallagher", status: finished, title: "Gleaners and the Common", author: "Frost, Edith", due: -44, moved: 45, lender: "BRL"},
	{tn: 411968, patron: "rsingh", status: finished, title: "Lambda Days Proceedings", article: "Effects as values", author: "Nyqvist, T.", moved: 41, noDue: true},
	{tn: 411990, patron: "hnakamura", status: finished, title: "Random Matrices for Travellers", author: "Soto, L.", due: -39, moved: 38, lender: "CAL"},
	{tn: 412011, patron: "mschaefer", status: finished, title: "Tuning by Ear", author: "Hellwig, I.", due: -33, moved: 35, lender: "YUS"},
	{tn: 412036, patron: "gwashburn", status: finished, title: "Bequests: A Guide", author: "Lowell, S.", due: -31, moved: 30, lender: "DUK"},
	{tn: 412060, patron: "tmbeki", status: finished, title: "Chiefs and Clerks", author: "Zuma, L.", due: -29, moved: 27, lender: "ILU"},
}

// writeSampleTransactions writes the requests as JSON lines, the form that
// `illmail import` reads; isOpen tells the office's open days.
func writeSampleTransactions(w io.Writer, today store.Date, isOpen func(store.Date) bool) error {
	patrons := map[string]samplePatron{}
	for _, p := range samplePatrons {
		patrons[p.username] = p
	}
	enc := json.NewEncoder(w)
	for i, r := range sampleRequests {
		p := patrons[r.patron]
		moved := today.AddDays(-r.moved)
		if r.openDays {
			moved = today
			for n := 0; n < r.moved; {
				if isOpen(moved) {
					n++
				}
				moved = moved.AddDays(-1)
			}
		}
		due := store.Date{}
		if !r.noDue {
			due = today.AddDays(r.due)
			for r.due < 0 && !isOpen(due) {
				due = due.AddDays(-1) // due on a closed day counts as the next open one: too late for today's rung
			}
		}
		status := r.status
		if strings.HasSuffix(status, " to later") {
			status = strings.TrimSuffix(status, "later") + due.Time().Format("1/2/2006")
		}
		kind, author, pickup := "Loan", r.author, "Main Desk"
		if r.article != "" {
			kind, pickup = "Article", "Electronic Delivery"
		}
		row := map[string]any{
			"transaction_number": r.tn, "username": p.username, "first_name": p.first, "last_name": p.last,
			"email": p.email(), "language": p.language, "patron_status": p.status, "department": p.department,
			"request_type": kind, "process_type": "Borrowing", "status": status,
			"title": r.title, "article_title": r.article, "author": author,
			"ill_number": fmt.Sprint(231800000 + int64(i)*1373), "lending_library": r.lender,
			"due_date": due.String(), "status_date": moved.String(), "creation_date": moved.AddDays(-6).String(),
			"renewals_allowed": r.renewals, "pickup_location": pickup, "cancel_reason": r.reason,
			"last_overdue_notice_sent": r.told,
		}
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("writing the sample requests: %w", err)
		}
	}
	return nil
}

// longDate is a day as a letter writes it.
func longDate(d store.Date) string { return d.Time().Format("Monday, January 2") }
