package mailbox

import "strings"

// The calendar words of the languages that auto-replies are read in: English,
// German, Spanish, French, Portuguese, Italian.
var (
	awayMonths   = numbered(monthNames)
	awayWeekdays = numbered(weekdayNames)

	relativeDays = map[string]int{"tomorrow": 1, "morgen": 1, "mañana": 1, "demain": 1, "amanhã": 1, "domani": 1}

	untilWords = set("until till til through thru bis hasta jusqu jusque até fino tot 至 到 止")
	backWords  = set("back return returning returns resume resuming available reachable respond reply answer zurück wieder erreichbar regreso regresaré regresare regresando vuelvo volveré vuelta reincorporo incorporo retour reviens reviendrai rentrerai rentre volto voltarei retorno retornarei volta rientro rientrerò torno tornerò ritorno terug 返 回")
	startWords = set("from starting since beginning vom desde du dal leaving leave between")
)

// monthNames and weekdayNames: a line for each, from January and from Monday.
const monthNames = `january jan januar jänner enero ene janvier janv janeiro gennaio gen
february feb februar febrero février fevrier févr fevereiro fev febbraio febb
march mar märz maerz marzo mars março marco
april apr abril abr avril avr aprile
may mai mayo maio maggio mag
june jun juni junio juin junho giugno giu
july jul juli julio juillet juil julho luglio lug
august aug agosto ago août aout
september sep sept septiembre setiembre septembre setembro set settembre
october oct oktober okt octubre octobre outubro out ottobre ott
november nov noviembre novembre novembro
december dec dezember dez diciembre dic décembre decembre déc dezembro dicembre`

const weekdayNames = `monday mon montag lunes lundi segunda lunedì
tuesday tue tues dienstag martes mardi terça martedì
wednesday wed mittwoch miércoles miercoles mercredi quarta mercoledì
thursday thu thur thurs donnerstag jueves jeudi quinta giovedì
friday fri freitag viernes vendredi sexta venerdì
saturday sat samstag sonnabend sábado samedi sabato
sunday sun sonntag domingo dimanche domenica`

// numbered maps each word to the number of its line, from 1.
func numbered(lines string) map[string]int {
	m := make(map[string]int)
	for i, line := range strings.Split(lines, "\n") {
		for _, w := range strings.Fields(line) {
			m[w] = i + 1
		}
	}
	return m
}

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
