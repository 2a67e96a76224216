package mailbox

// autoSubjectStarts begin the subject of an auto-reply, and of nothing else.
var autoSubjectStarts = []string{
	"automatic reply", "automatic response", "automated reply", "automated response", "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "auto responder", "auto-responder", "autoresponder", "auto:", "auto :", "automatic answer", "auto answer",
	"out of office autoreply", "out of office reply", "out of office notification", "out of office message", "out-of-office reply", "out of office (", "vacation reply", "vacation response", "vacation message",
	"abwesenheitsnotiz", "abwesenheitsmeldung", "abwesenheitsbenachrichtigung", "automatische antwort", "automatische abwesenheits", "automatische rückantwort", "automatische e-mail", "automatische mail", "autom. antwort", "autoantwort", "urlaubsmeldung", "urlaubsnotiz",
	"respuesta automática", "respuesta automatica", "autorespuesta", "contestador automático", "mensaje automático",
	"réponse automatique", "reponse automatique", "absence du bureau", "absent du bureau", "message d'absence", "notification d'absence", "avis d'absence", "message automatique", "réponse d'absence",
	"resposta automática", "resposta automatica", "mensagem automática",
	"risposta automatica", "risponditore automatico",
	"automatisch antwoord", "automatisch bericht", "automatische reactie", "afwezigheidsbericht", "afwezigheidsassistent", "ausência temporária", "resposta automàtica", "erantzun automatikoa", "odpowiedź automatyczna", "odpowiedz automatyczna", "automaatvastus", "automātiska atbilde", "automatinis atsakymas", "automatski odgovor", "samodejni odgovor", "аутоматски одговор", "автоматична відповідь", "автоматичен отговор", "sjálfvirkt svar", "ateb awtomatig", "freagra uathoibríoch", "outomatiese antwoord", "balasan otomatis", "balasan automatik", "ตอบกลับอัตโนมัติ", "स्वचालित उत्तर", "پاسخ خودکار", "autosvar", "automatisk svar", "automatiskt svar", "automaattinen vastaus", "automatyczna odpowiedź", "automatyczna odpowiedz", "autoodpowiedź", "автоответ", "автоматический ответ", "automatická odpověď", "automaticka odpoved", "automatická odpoveď", "automatikus válasz", "otomatik yanıt", "răspuns automat", "αυτόματη απάντηση",
	"自动回复", "自動回覆", "自動回复", "自动答复", "自动应答", "自動返信", "自動応答", "不在通知", "부재중", "자동 회신", "자동회신", "자동 응답", "phản hồi tự động", "trả lời tự động", "thư trả lời tự động", "رد تلقائي", "الرد التلقائي", "מענה אוטומטי", "תשובה אוטומטית", "repons otomatik",
}

// awaySubjectStarts begin the subject of an auto-reply, and of a patron who
// writes that they are away and wants something.
var awaySubjectStarts = []string{
	"out of office", "out-of-office", "out of the office", "out of town", "ooo", "ooto", "i am out of", "i'm out of", "i am away", "i'm away", "away from my", "away from", "away until", "away till", "away:", "on vacation", "vacation:", "on leave", "on medical leave", "on maternity leave", "on parental leave", "on sabbatical", "on holiday", "on annual leave", "annual leave", "parental leave", "maternity leave", "sabbatical:", "absence:", "unavailable:", "not in the office", "currently out", "i no longer work", "no longer at", "i have left", "i've left", "we have received your", "we've received your", "we received your", "we've got your", "we got your",
	"abwesenheit", "abwesend", "nicht im büro", "ich bin nicht im", "urlaub:", "im urlaub", "nicht im haus", "außer haus",
	"fuera de la oficina", "fuera de oficina", "estoy fuera", "estaré fuera", "ausente", "ausencia", "de vacaciones",
	"je suis absent", "je suis absente", "je serai absent", "absent(e)", "absente", "absent", "en congé", "en vacances", "hors du bureau",
	"fora do escritório", "fora do escritorio", "ausência", "em férias", "de férias",
	"fuori sede", "fuori ufficio", "assenza", "assente", "in ferie",
	"afwezig", "afwezigheid", "niet op kantoor", "frånvaro", "frånvarande", "fravær", "poissa", "nieobecność", "nieobecnosc", "mimo kancelář",
}

// autoSubjectWords stand anywhere in the subject of an auto-reply.
var autoSubjectWords = []string{
	"out of office", "out of the office", "out-of-office", "autoreply", "auto-reply", "auto reply", "automatic reply", "auto-response", "autoresponse", "(auto response)", "automated reply", "automated response", "automatic response", "vacation reply", "vacation message", "away from my mail", "away from my desk", "away from office", "abwesenheitsnotiz", "automatische antwort", "abwesenheitsassistent", "respuesta automática", "réponse automatique", "resposta automática", "risposta automatica", "自动回复", "自動回覆", "自動返信",
}

// automaticPhrases are said by auto-responders of themselves.
var automaticPhrases = []string{
	"this is an automated response", "this is an automated reply", "this is an automatic reply", "this is an automatic response", "this is an auto-reply", "this is an auto reply", "this is an autoreply", "this is an auto-response", "this is an autoresponse", "this is an auto response", "this is a vacation message", "this is a vacation reply", "auto-generated reply", "automatically generated reply", "automatically generated response", "automatic out of office", "automated out of office", "this automated reply", "this auto-reply", "this autoreply", "this automatic reply", "this reply was generated automatically", "this reply is automatic", "this is an out of office", "this is an out-of-office", "vacation autoreply", "my autoresponder", "automated acknowledgement", "automatic acknowledgement", "automatic acknowledgment", "automated acknowledgment", "this is an automatically generated answer",
	"automatische antwort", "automatisch generierte antwort", "dies ist eine automatische", "automatisch erzeugte antwort", "respuesta automática", "contestación automática", "réponse automatique", "resposta automática", "risposta automatica", "automatisch antwoord", "这是一封自动回复", "自动回复", "自動回覆", "自動返信", "自動応答",
}

// awayPhrases say that the author is not there.
var awayPhrases = []string{
	"out of the office", "out of office", "out-of-office", "away from the office", "away from my office", "away from my desk", "away from email", "away from e-mail", "away from my email", "away from my e-mail", "not in the office", "out of my office", "on vacation", "on a vacation", "on annual leave", "on maternity leave", "on parental leave", "on paternity leave", "on medical leave", "on sick leave", "on family leave", "on leave", "on holiday", "on sabbatical", "out of the country", "out of town", "i am away", "i'm away", "i will be away", "i'll be away", "will be out until", "am currently away", "currently travelling", "currently traveling", "i am travelling", "i am traveling", "i'm traveling", "i'm travelling", "will be travelling", "will be traveling", "on a business trip", "on business travel", "attending a conference", "on jury duty", "on furlough", "am unavailable", "i'm unavailable", "not available until", "unavailable until", "intermittent access", "sporadic access", "limited connectivity", "limited internet access", "limited access to email", "limited access to e-mail", "limited access to my email", "limited email access", "limited e-mail access", "no access to email", "no access to e-mail", "not have access to email", "not have access to e-mail", "without email access", "not be reading email", "not reading email", "not be checking email", "not checking email", "i check it on", "check this mailbox", "check email only", "is not monitored", "no longer monitored", "no longer working at", "no longer work at", "no longer work here", "left the university", "left the college", "left the company", "away at a", "away until", "away till", "away this week", "away on", "slow answers", "slow to answer", "replies will be slow", "no longer with", "no longer at", "have left the", "have retired", "has retired", "is no longer employed", "office is closed", "offices are closed", "library is closed", "will be closed", "returning to the office", "back in the office", "return to the office",
	"nicht im büro", "nicht im haus", "nicht im hause", "außer haus", "ausser haus", "im urlaub", "auf urlaub", "abwesend", "auf dienstreise", "in elternzeit", "nicht erreichbar", "nicht am arbeitsplatz",
	"fuera de la oficina", "fuera de mi oficina", "de vacaciones", "estaré ausente", "estoy ausente", "me encuentro fuera", "estaré fuera", "estoy de viaje", "estaré de viaje", "de baja", "de licencia", "de permiso",
	"absent du bureau", "absente du bureau", "absent jusqu", "absente jusqu", "suis absent", "serai absent", "en congé", "en vacances", "en déplacement", "actuellement absent", "hors du bureau",
	"fora do escritório", "estarei ausente", "estou ausente", "de férias", "em férias", "estarei fora", "em viagem", "licença",
	"fuori ufficio", "fuori sede", "in ferie", "sono assente", "sarò assente", "afwezig", "niet aanwezig", "met vakantie", "op vakantie", "bortrest", "har ferie", "har semester", "na urlopie", "nieobecny", "в отпуске", "не в офисе", "休假", "出差", "不在办公室", "外出", "不在しており", "休暇",
}

// awayEchoes go with awayPhrases in what an auto-responder says.
var awayEchoes = []string{
	"limited access", "no access to", "will respond", "will reply", "will answer", "respond to your", "reply to your", "get back to you", "when i return", "upon my return", "on my return", "once i return", "after i return", "after my return", "in my absence", "during my absence", "during this time", "during that time", "for urgent", "if urgent", "if this is urgent", "urgent matters", "if it is urgent", "if you need immediate", "immediate assistance", "immediate attention", "for immediate", "in an emergency", "not be able to respond", "unable to respond", "delay in", "delayed response", "slow to respond", "slow to reply", "slow answers", "replies will be slow",
	"in dringenden fällen", "dringenden", "nach meiner rückkehr", "nicht weitergeleitet", "a mi regreso", "para asuntos urgentes", "en caso de urgencia", "à mon retour", "en cas d'urgence", "em caso de urgência", "al mio ritorno", "per urgenze", "bij dringende", "в срочных", "紧急", "尽快回复", "お急ぎ",
}

// politeEchoes are said by responders, and by people; ofMyself decides.
var politeEchoes = []string{
	"thank you for your email", "thank you for your e-mail", "thank you for your message", "thanks for your email", "thanks for your e-mail", "thanks for your message", "thank you for contacting", "thank you for your mail", "thanks for reaching out", "i have received your", "your message has been received", "please contact", "please direct", "please email", "please call", "will be back", "returning on", "i return", "will return", "vielen dank für ihre", "danke für ihre", "wenden sie sich", "gracias por su", "gracias por tu", "merci de votre", "merci pour votre", "obrigado pela", "obrigada pela", "请联系",
}

// ofMyself are an author's words on his own absence.
var ofMyself = []string{
	"i am currently", "i'm currently", "i am presently", "i am out", "i'm out", "i will be out", "i'll be out", "i am on", "i'm on", "i will be on", "i'll be on", "i am away", "i'm away", "i will be away", "i'll be away", "i am no longer", "i'm no longer", "i have left", "i have retired", "i am traveling", "i am travelling", "ich bin", "estoy", "estaré", "je suis", "je serai", "estou", "estarei", "sono", "sarò", "我",
}

// wishWords are a person's.
var wishWords = []string{"could you", "can you", "would you", "can i", "may i", "i would like", "i'd like", "please check", "please hold", "please renew", "please advise", "please keep", "i returned", "i have returned"}

// manyWords greet more than one: no responder does.
var manyWords = []string{"dear colleagues", "dear all", "hi all", "hello all", "dear partners", "dear friends", "liebe kolleg", "queridos colegas", "estimados colegas", "chers collègues", "chères collègues", "caros colegas", "各位"}

// receivedSubjects are of confirmations of receipt.
var receivedSubjects = []string{"ticket", "case #", "[#", "(#", "thank you for contacting", "thank you for your e", "we received", "we have received", "request received", "message received", "mail received", "confirmation of receipt", "eingangsbestätigung", "accusé de réception", "acuse de recibo", "confirmação de recebimento"}

// receivedPhrases confirm that a mail came in. They count only where the
// header says that a machine wrote them.
var receivedPhrases = []string{
	"we have received your e-mail", "we have received your email", "we have received your message", "we have received your request", "we received your", "we've received your", "confirms that we received", "confirm receipt of your", "has been received and", "your e-mail has been received", "your email has been received", "your message has been received", "has been received. expected response", "we got your request", "request received:", "ticket received", "automatic confirmation", "automated confirmation", "automatic notification that your", "thank you for contacting", "thanks for contacting", "thank you for your email", "thank you for your e-mail", "thank you for your message", "a member of our team will", "a ticket has been", "has been opened", "case number is", "ticket number is", "your ticket", "expected response time", "reply as soon as", "respond as soon as", "answer as soon as", "back to you as soon as", "endeavour to reply", "endeavor to reply", "will be contacting you", "we will get back to you", "agent will get back to you", "we will reply within", "we will respond within", "will answer within", "will reply within",
	"wir haben ihre nachricht erhalten", "wir haben ihre e-mail erhalten", "ihre anfrage ist bei uns eingegangen", "hemos recibido su", "nous avons bien reçu votre", "recebemos a sua", "recebemos sua", "我们已收到您的",
}

// requestWords are about borrowing: an auto-responder does not know what the
// mail was about, a patron who mentions an absence does.
var requestWords = []string{
	"renew", "book", "loan", "article", "pick it up", "pick up", "pickup", "come by", "stop by", "drop it", "drop off", "bring it", "bring them", "hold", "my request", "the request", "title", "copy", "scan", "pdf", "extend", "extension", "due", "return it", "chapter", "volume", "item",
	"libro", "préstamo", "prestamo", "renovar", "artículo", "buch", "bücher", "ausleihe", "leihfrist", "verlänger", "aufsatz", "livre", "prêt", "prolong", "renouvel", "livro", "empréstimo", "artigo", "书", "续借", "文章",
}
