package classifier

import "strings"

// commonWords are words too frequent in mail to this office to speak for a
// title: folded, of more than three letters.
var commonWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`
about above account after again against ahead album alive allow almost along already also although always among amount another answer anybody anymore anyone anything anyway apparently appreciate arrive arrived arriving article articles asked asking attached august available away
back because been before began begin behind being believe below best better between book books borrow borrowed borrowing both bring brought building busy button call called came campus cancel cancelled canceled card care case catalog chance change changed chapter chapters charge charged check checked circulation class clear click close closed collect college colleague coming confirm contact copy could couple course cover
date dates days dear december delivered delivery department desk didnt different does doesnt doing done dont door down download drop dropped during each early easy edition either else email emails english enough error even evening ever every everything exactly expect expired extend extension extra fall faculty fall family february figure file files final finally find fine finish finished first floor folks following form found friday friend from front full further getting give given glad goes going gone good gotten grad graduate great green group guess half hand happen happened happy hard hasnt have havent having heard hello help here hold home hope hours house however idea immediately information instead interlibrary into isbn issue item items itself january journal july june just keep kept kind kindly know known last late later learn least leave left lending less letter letters level librarian library libraries like likely line link list listed little live loan loans local locked login long longer look looked looking lost lots made mail main make making many march material maybe mean means meant meet meeting message might mind minutes missing moment monday money month months more morning most move moved much must myself name near need needed needs never next nice night nobody none nothing notice noticed notices november number october office often okay once ones online only open opened opens order ordered original other others otherwise over overdue page pages paid paper papers part past patron perhaps person phone pick picked pickup place placed please point possible post previous print probably problem process professor project promise public publisher question questions quick quite rather read reader reading ready real really reason receive received recently record records regarding regards related reminder renew renewal renewed reply report request requested requesting requests research respond response rest return returned returning right room safe said same saturday says scan scanned school science second section seem seems seen semester send sending sent september service several shall share shelf ship shipped short should show shows side since sincerely site situation small some somebody someone something sometimes soon sorry sort staff stack standing start started state status stay still stop student students study stuff submitted such suggest sunday supposed sure surely system take taken taking talk teach team tell term than thank thanks that their them then there these thesis they thing things think third this those though thought three through thursday time times title titles today together told tomorrow tonight took total town track transaction tried trip true truly trying tuesday turn turned twice under understand university unless until update upon urgent used user using usually verified very version visit volume wait waiting walk want wanted wants wasnt watch website wednesday week weekend weeks well went were what whatever when where whether which while whole whom whose will wish with within without wonder wondering wont word words work working works would write writing wrong wrote year years yesterday your yours yourself
para pero como esta este estoy libro libros favor gracias hola puedo puede pueden quiero quisiera necesito tengo tiene todavia sobre desde hasta porque cuando donde solicitud prestamo biblioteca saludos articulo muchas fecha semana semanas nuestro nuestra ustedes buenos buenas tardes dias
avec pour dans vous nous votre notre livre livres merci bonjour bonsoir cette mais plus encore article demande pret bibliotheque serait possible voudrais pouvez quand semaine semaines jusqu cordialement etre avoir fait
livro livros obrigado obrigada voces gostaria preciso poderia semana semanas artigo emprestimo pedido ainda muito mais minha
bitte danke nicht eine einen einem ist sind haben habe konnen konnte mochte buch bucher artikel bestellung fernleihe bibliothek wochen woche noch schon liebe sehr geehrte damen herren freundlichen grussen mit auch wird wurde
introduction edition volume press journal review`) {
		m[w] = true
	}
	return m
}()

// smallWords may stand between the words of a title without counting.
var smallWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields("a an the of in on and or to for with by at from as is it its into de la le les el los las y e et du des der die das und o os do da em un une una il lo l d s del al ein eine im am zur zum von vor ni") {
		m[w] = true
	}
	return m
}()
