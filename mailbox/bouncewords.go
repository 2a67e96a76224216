package mailbox

import "strings"

// The words of mail systems, lower case. They were written down from what the
// common ones say; a report in RFC 3464's form needs none of them.

func containsAny(s string, list []string) bool {
	for _, w := range list {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// saysBounce reports whether a mail without delivery-status part is a report:
// two of three must agree, who sends it, what its subject and what its words
// say.
func saysBounce(m *Message, p *reportParts) bool {
	if m.Get("X-Failed-Recipients") != "" {
		return true
	}
	subject := strings.ToLower(m.Subject)
	daemon := isDaemon(m)
	null := m.ReturnPath == "<>" || strings.HasPrefix(strings.ToLower(m.ReturnPath), "mailer-daemon")
	subjectSays := containsAny(subject, bounceSubjects)
	if answered(subject) {
		// "Re: Undelivered Mail" is a person's, unless a daemon writes so, or
		// there is nothing in it but the notice.
		subjectSays = subjectSays && (daemon || isBareNotice(m.Text))
	}
	unattended := isUnattended(m)
	asksBack := containsAny(subject, challengeSubjects) || len(m.Text) < 3000 && strings.Contains(m.Text, "http")
	if !daemon && !null && !subjectSays && !p.isReport && !(unattended && p.returned) && !asksBack {
		return false
	}
	head := plainLower(bounceHead(m.Text, !daemon && !null))
	textSays := containsAny(head, bouncePhrases)
	if reason, _ := autoReplySubject(m.Subject); reason != "" && !subjectSays && !daemon {
		return false
	}
	if m.Get("List-Id") != "" && !daemon && !(p.returned && subjectSays && textSays) {
		return false // a posting; a list that hands on a report leaves the mail in it
	}
	if !null && !p.returned && !p.isReport && strings.Contains(head, "http") && containsAny(head, phishPhrases) {
		return false // "You have 7 undelivered messages": not ours, and not from a mail system
	}
	switch {
	case p.isReport:
		return true
	case p.receipt:
		return textSays && containsAny(head, []string{"rejected", "could not be delivered", "quota"})
	case daemon && (subjectSays || textSays):
		return true
	case daemon && null:
		return true
	case null && subjectSays && (textSays || p.returned):
		return true
	case null && textSays && (p.returned || enhancedCode(head) != "" || replyCode(head) != ""):
		return true
	case unattended && p.returned && textSays && containsAny(head, ownMailPhrases):
		return true
	case subjectSays && textSays && !m.isPersonal(head):
		// Without a mail system's name on it the text must speak of a mail.
		return containsAny(head, ownMailPhrases) && (replyCode(head) != "" || enhancedCode(head) != "" || !containsAny(subject, requestWords))
	}
	return isChallenge(m, subject, head)
}

// isPersonal: a person asks, and speaks of what is theirs; a mail system tells.
func (m *Message) isPersonal(head string) bool {
	if m.autoSubmitted() != "" {
		return false
	}
	return containsAny(head, personalPhrases) || strings.Contains(head, "?") && replyCode(head) == "" && enhancedCode(head) == ""
}

// isBareNotice reports whether a text is nothing but a sentence or two on an
// address that failed: no greeting, no quote, no word of a person.
func isBareNotice(text string) bool {
	if len(text) > 500 {
		return false
	}
	low := plainLower(text)
	if strings.Contains(low, "?") || containsAny(low, personalPhrases) || containsAny(low, []string{"from:", ">", "hello", "hi ", "dear ", "thank", "fyi", "see below", "forwarded", "original message", "guten tag", "hallo", "hola", "bonjour", "olá"}) {
		return false
	}
	start, _ := findAddress(low, 0)
	return start >= 0 && containsAny(low[:min(len(low), 250)], bouncePhrases) && containsAny(low, ownMailPhrases)
}

// personalPhrases are said by people who write about a report.
var personalPhrases = []string{
	"my mailbox", "my inbox", "my email", "my e-mail", "my mail", "my message", "my address", "my account", "i think", "i tried", "i sent", "i wrote", "i got", "i received", "i keep", "came back to me", "send it again", "send it to me", "please resend", "resend it", "can you", "could you", "would you",
	"mein postfach", "meine e-mail", "meine mail", "meine nachricht", "mi correo", "mi buzón", "mi mensaje", "ma boîte", "mon adresse", "mon message", "mon mail", "meu e-mail", "minha caixa", "minha mensagem", "我的邮箱", "我的邮件",
}

// isChallenge recognises mail that asks the sender to prove that he is a
// person before his mail is delivered.
func isChallenge(m *Message, subject, head string) bool {
	if !containsAny(head, challengePhrases) || !containsAny(head+" "+subject, []string{"confirm", "verify", "click", "bestätig", "confirmar", "confirmer"}) {
		return false
	}
	if m.ReturnPath == "<>" || m.AutoSubmitted() {
		return true
	}
	return strings.Contains(head, "http") && containsAny(head, []string{"spam", "unwanted", "human", "robot", "protected by", "guest list"}) && containsAny(head, []string{"your message", "your mail", "your e-mail", "your email", "you wrote", "you sent"}) &&
		!containsAny(head, phishPhrases)
}

// plainLower is s in lower case, with the apostrophes that keyboards have.
func plainLower(s string) string {
	s = strings.ToLower(s)
	if strings.Contains(s, "’") {
		s = strings.ReplaceAll(s, "’", "'")
	}
	return s
}

// bounceHead is the start of the text, without quoted lines where a person may
// be the author.
func bounceHead(text string, dropQuotes bool) string {
	text = cutUTF8(text, 6<<10)
	if !dropQuotes || !strings.Contains(text, ">") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, ">") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// answered reports whether a subject (lower case) is that of an answer or a
// forward.
func answered(subject string) bool {
	for _, p := range []string{"re:", "re :", "fw:", "fwd:", "aw:", "wg:", "tr:", "rv:", "sv:", "vs:", "res:", "enc:", "ref:", "回复:", "回复：", "答复:", "答复：", "转发:", "转发："} {
		if strings.HasPrefix(subject, p) {
			return true
		}
	}
	return false
}

// isDaemon reports whether a mail system is the author.
func isDaemon(m *Message) bool {
	a := m.Author()
	local, _, _ := strings.Cut(a.Key(), "@")
	local = strings.Trim(local, `"'`)
	switch {
	case strings.HasPrefix(local, "mailer-daemon"), strings.HasPrefix(local, "mailer_daemon"), strings.HasPrefix(local, "mailerdaemon"),
		strings.HasPrefix(local, "postmaster"), strings.HasPrefix(local, "post_master"), strings.HasPrefix(local, "post-master"), strings.HasPrefix(local, "microsoftexchange"), strings.HasPrefix(local, "mail-daemon"):
		return true
	}
	switch local {
	case "mdaemon", "mailerdaemon", "maildaemon", "mail_daemon", "ndr", "mmdf", "mailgate", "post_office", "postoffice", "mail-delivery", "maildelivery", "exchange-system", "smtp-daemon", "no-reply-dsn", "dsn":
		return true
	}
	return containsAny(strings.ToLower(a.Name), daemonNames)
}

// isUnattended reports whether the author is an address that nobody reads.
func isUnattended(m *Message) bool {
	local, _, _ := strings.Cut(m.Author().Key(), "@")
	return containsAny(local, []string{"noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply", "autoresponder"})
}

var daemonNames = []string{
	"mailer-daemon", "mailer daemon", "mail delivery", "delivery subsystem", "delivery system", "mail system", "mail router", "postmaster",
	"system administrator", "mail administrator", "systemadministrator", "system attendant", "mail deliver", "email delivery", "e-mail delivery",
	"internet mail", "mta mail", "mail server", "mailserver", "administrateur système", "administrador del sistema", "administrador do sistema",
	"système de distribution", "sistema de correo", "mail-system", "邮件系统", "系统管理员", "mail gateway", "message delivery", "delivery notification",
}

// undeliverablePrefixes stand before the subject of the returned mail.
var undeliverablePrefixes = []string{
	"undeliverable", "undelivered", "unzustellbar", "nicht zustellbar", "non remis", "no se puede entregar", "no se pudo entregar", "no entregado",
	"não é possível entregar", "não entregue", "não foi possível entregar", "non recapitabile", "mancato recapito", "onbestelbaar", "未送达", "无法送达",
	"無法傳遞", "未传递", "退信", "配信不能", "配信できません", "olevererbart", "kan ikke leveres", "недоставленное", "не удается доставить", "niedostarczalne", "nie można dostarczyć", "nedoručitelné", "kézbesíthetetlen", "nelivrabil", "teslim edilemedi", "neisporučivo", "uleverbar", "toimittamaton", "배달되지 않음",
	"delivery delayed", "delayed", "verzögert", "retrasado", "retardé", "atrasad", "rejected", "bounced", "returned mail", "mail delivery failed", "failure notice", "delivered", "relayed",
}

// bounceSubjects are said by reports in their subject.
var bounceSubjects = []string{
	"undeliver", "undeliverable", "returned mail", "mail delivery", "delivery fail", "delivery failure", "delivery status notification", "failure notice",
	"failure delivery", "mail system error", "delivery problem", "not be delivered", "n't be delivered", "unable to deliver", "not deliver", "delivery error",
	"delivery has failed", "mail failure", "mail fail", "nondeliver", "non-deliver", "non deliver", "not delivered", "returned to sender", "return to sender",
	"delivery notification", "delivery report", "delivery delay", "delayed mail", "message delayed", "could not send message", "status notification", "user unknown", "unknown user",
	"unknown recipient", "bounced mail", "mail bounced", "message bounced", "bounce:", "message rejected", "mail rejected", "rejected mail", "message blocked", "mail blocked", "was rejected", "not accepted",
	"message size exceed", "unroutable", "smtp error", "automatically rejected", "mailbox full", "mailbox is full", "over quota", "quota exceeded", "invalid address", "invalid recipient", "address unknown", "unknown address",
	"error sending", "problem delivering", "problems delivering", "can't be sent", "cannot be sent", "message not sent", "mail not sent", "message error", "mail error", "failed mail", "failed delivery", "failed to deliver", "transaction failed", "esmtp error", "mail came back", "message came back", "message has come back",
	"nicht zustellbar", "unzustellbar", "nicht zugestellt", "zustellung", "zustellfehler", "unzustellbare", "postfach voll", "rückläufer",
	"no se puede entregar", "no se pudo entregar", "no entregado", "no se ha podido entregar", "error de entrega", "estado de entrega", "fallo de entrega", "error en la entrega", "correo devuelto", "mensaje devuelto", "no ha sido entregado", "retraso en la entrega",
	"non remis", "échec de remise", "échec de la remise", "échec de distribution", "échec de la distribution", "échec de livraison", "échec de la livraison", "état de remise", "non distribué", "non délivré", "retour à l'expéditeur", "remise différée", "erreur de distribution",
	"não é possível entregar", "não foi possível entregar", "não entregue", "falha na entrega", "falha de entrega", "erro na entrega", "erro de entrega", "status de entrega", "mensagem devolvida", "devolvida", "atraso na entrega",
	"mancato recapito", "mancata consegna", "impossibile recapitare", "non recapitabile", "notifica di errato", "consegna fallita", "onbestelbaar", "niet bezorgd", "onbezorgd", "olevererbart", "kan ikke leveres", "kunne ikke leveres", "kan inte levereras",
	"недостав", "не доставлено", "не удалось доставить", "не удается доставить", "niedostarcz", "nie można dostarczyć", "nedoruč", "kézbesíthetetlen", "nelivrabil", "teslim edilemedi", "neisporučivo", "toimittamaton", "退信", "无法送达", "未送达", "投递失败", "投遞失敗", "无法投递", "無法投遞", "無法傳遞", "系统退信", "退件", "退回", "发送失败", "发送被退回", "传输失败", "配信不能", "配信失敗", "エラー通知", "不達", "送信できません", "配信エラー", "配送できません", "送信エラー", "배달되지", "반송",
}

// bouncePhrases are said by reports in their first lines.
var bouncePhrases = []string{
	"this is the mail system at", "qmail-send program", "qmail-ldap", "created automatically by mail delivery", "generated by mail delivery", "automatically generated delivery", "automatically-generated delivery",
	"not be delivered", "n't be delivered", "not delivered", "n't delivered", "not deliver", "unable to deliver", "undeliverable", "undelivered", "undeliverd", "not been delivered",
	"delivery to the following", "delivery has failed", "delivery failed", "delivery failure", "failed permanently", "fatal errors", "transient non-fatal", "the following addresses had", "did not reach", "n't reach the",
	"returned to sender", "user unknown", "unknown user", "no such user", "user not known", "unknown recipient", "recipient unknown", "mailbox unavailable", "mailbox is full", "mailbox full", "mailbox was full", "mailbox not found", "no mailbox", "over quota", "over its quota", "quota exceeded", "exceeded its quota", "storage quota", "exceeded storage", "disk quota",
	"permanent error", "address rejected", "recipient rejected", "host unknown", "unknown host", "domain not found", "host not found", "delivery status notification", "wasn't able to deliver", "was not able to deliver", "cannot deliver", "can't deliver", "could not deliver", "couldn't deliver", "couldn't find any host", "address not found",
	"rejected automatically", "automatically rejected", "message was rejected", "message has been rejected", "been rejected", "was rejected", "was blocked", "been blocked", "blocked because", "exceeds the size", "exceeds size", "size limit", "too large", "transcript of session", "is being returned", "has been returned", "was returned", "returning the message", "returning your message", "not accepting mail", "no longer accepting", "no longer valid", "no longer in use", "not listed in", "account has been disabled", "account is disabled", "account disabled", "inactive user", "not found at", "not exist", "n't exist", "invalid recipient", "invalid address", "address is invalid", "illegal user", "relaying denied", "relay access denied", "still undelivered", "delayed", "will keep trying", "delivery attempt", "failed recipient", "failed address", "bad address", "bad destination", "mail loop", "too many hops", "encountered an error", "error delivering", "error occurred while", "delivery error", "problem delivering", "problems delivering", "smtp error", "error from remote", "remote host said", "could not be sent", "cannot be sent", "could not send", "unroutable", "unrouteable", "could not be processed", "not allowed to post", "aren't allowed", "only subscribers", "only members", "may not post", "is returned", "could not be handed", "no further attempt", "not in service", "nobody called", "no one called", "nobody by that name", "no one by that name", "thrown away", "has left", "no longer at this", "moved to", "address has changed",
	"nicht zugestellt", "nicht zustellbar", "unzustellbar", "nicht ausgeliefert", "nicht übermittelt", "unbekannter benutzer", "unbekannter empfänger", "empfänger unbekannt", "existiert nicht", "postfach ist voll", "postfach voll", "verzögert",
	"no se pudo entregar", "no se puede entregar", "no se ha podido entregar", "no pudo ser entregado", "no ha podido ser", "no fue entregado", "no ha sido entregado", "no llegó a", "usuario desconocido", "no existe", "buzón lleno", "buzón está lleno",
	"n'a pas pu être", "n'a pu être", "n'ont pas pu", "n'a pas été remis", "n'a pas été distribué", "n'est pas parvenu", "non remis", "impossible de remettre", "n'existe pas", "utilisateur inconnu", "boîte est pleine", "boîte aux lettres est pleine",
	"não pôde ser", "não pode ser entregue", "não foi entregue", "não foi possível entregar", "não alcançou", "usuário desconhecido", "não existe", "caixa postal cheia", "caixa de correio está cheia",
	"non è stato recapitato", "non è stato possibile", "impossibile recapitare", "non consegnato", "utente sconosciuto", "non raggiunto", "kon niet worden", "niet bezorgd", "niet afgeleverd", "kunne ikke leveres", "kunde inte levereras",
	"недостав", "не доставлено", "не может быть доставлено", "не удалось доставить", "nie mogła zostać", "nemohla být", "无法送达", "未能送达", "无法投递", "無法投遞", "無法傳遞", "被退回", "退信", "投递失败", "未送达", "不存在", "邮箱已满", "配信できません", "届けられません", "送信できません", "送信に失敗", "配送に失敗", "見つかりません", "배달하지", "无法发送",
}

// challengePhrases are said by mail that holds ours back until we answer it.
var challengePhrases = []string{
	"has been put aside", "put aside", "to stop spam", "to stop unwanted", "verify yourself", "you're a person", "you are a person", "put your message aside", "is being held", "has been held", "being held until", "waiting for your confirmation", "awaiting confirmation", "confirm that you are human", "confirm you are human", "you are a human", "prove you are", "verify that you are", "verify your email so", "to deliver your message", "to deliver it", "before your message", "before it is delivered", "to have your message delivered", "to release your message", "add you to my", "approved senders", "allowed senders", "spam blocking system", "challenge-response", "challenge/response", "sender verification", "one-time confirmation", "one time confirmation", "address added", "allowed list", "guest list", "ensure delivery of your", "waitlisted",
	"muss bestätigt", "nachricht wird zurückgehalten", "debe confirmar", "confirmar que", "doit être confirmé",
}

// challengeSubjects are worth a look at the text.
var challengeSubjects = []string{"confirm", "verify", "verification", "put aside", "held", "human", "challenge", "spam", "bestätig"}

// phishPhrases are said by those who want a password.
var phishPhrases = []string{"incoming e-mail", "incoming email", "incoming mail", "incoming message", "release message", "release your", "release them", "upgrade", "verify your account", "validate your", "revalidate", "re-validate", "deactivat", "de-activat", "shut down", "storage has reached", "keep your password", "same password", "parcel", "package"}

// ownMailPhrases speak of a mail that the reader sent.
var ownMailPhrases = []string{
	"your message", "your mail", "your e-mail", "your email", "your post", "message you sent", "mail you sent", "message that you", "mail that you", "the following message", "this message could", "message to", "mail to", "recipient", "text notice", "mail delivery", "mail system", "mail server", "user unknown", "no such user", "ihre nachricht", "ihre e-mail", "ihre mail", "su mensaje", "su correo", "tu mensaje", "votre message", "votre courrier", "sua mensagem", "seu e-mail", "您的邮件", "您发送", "邮件",
}

// delayPhrases say that the mail may still arrive.
var delayPhrases = []string{
	"(delay)", "delayed", "delivery delay", "delivery is delayed", "warning message only", "do not need to resend", "still undelivered", "will keep trying", "not yet been delivered", "has not yet", "hasn't been delivered yet", "not been delivered yet", "delivery attempts continue", "will continue to", "will be retried", "will retry", "still trying", "still being attempted", "no action is required", "could not send message for", "could not send message for past", "temporarily deferred", "message is still in the queue", "remains in the queue",
	"verzögert", "weiter versucht", "noch nicht zugestellt", "wird weiterhin versucht", "zustellversuche werden fortgesetzt", "retras", "seguirá intentando", "se seguirá", "aún no se ha", "retardé", "différé", "nouvelle tentative", "n'a pas encore", "atrasad", "continuará tentando", "ainda não foi", "延迟", "尚未送达", "将继续尝试", "延遲",
}

// goingOnTrying says so outright, whatever else could not be done yet; givenUp
// alone outweighs it.
var (
	goingOnTrying = []string{"attempts will continue", "will continue to try", "will continue to attempt", "will keep trying", "do not resend", "do not need to resend", "zustellversuche werden fortgesetzt", "seguirá intentando", "continuará tentando", "将继续尝试"}
	givenUp       = []string{"permanent", "gave up", "giving up", "given up", "has failed permanently", "endgültig"}
)

// failPhrases outweigh delayPhrases: the retries are over.
var failPhrases = []string{
	"gave up", "giving up", "given up", "permanent", "has been removed from the queue", "retry timeout exceeded", "retry time not reached", "too long", "could not be delivered", "couldn't be delivered", "has failed", "delivery failed", "undeliverable", "failed after", "message expired", "(failure)", "returned to sender", "5.4.7", "endgültig", "nicht zugestellt werden. die", "queue too long", "not been delivered for", "could not be delivered for",
}

// successPhrases say that all is well.
var successPhrases = []string{
	"(success)", "successfully delivered", "was successfully", "successfully relayed", "has been successfully", "has been delivered to", "was delivered to the following", "wurde erfolgreich", "ha sido entregado", "a été remis aux", "a bien été", "foi entregue a", "已送达", "已成功",
}

// defaultAction is what the words of the whole report mean for a recipient
// whose fate is not told apart.
func defaultAction(m *Message, n notice) string {
	subject := strings.ToLower(m.Subject)
	head := plainLower(bounceHead(n.text, false))
	switch {
	case containsAny(subject, []string{"(success)", "successful", "delivered:", "relayed:", "zugestellt:", "remis :", "entregado:"}) && !containsAny(subject, []string{"undelivered", "not delivered", "nicht zugestellt", "non remis", "no entregado"}):
		return "delivered"
	case containsAny(subject, []string{"(delay)", "delayed", "warning message", "warning: message", "verzögert", "could not send message for", "retras", "différé", "retardé", "atras", "延迟"}):
		return "delayed"
	case containsAny(head, delayPhrases) && !containsAny(head, failPhrases), containsAny(head, goingOnTrying) && !containsAny(head, givenUp):
		return "delayed"
	case containsAny(head, challengePhrases) && !containsAny(head, failPhrases) && isChallenge(m, subject, head):
		return "delayed"
	case containsAny(head, successPhrases) && !containsAny(head, failPhrases) && !containsAny(subject, bounceSubjects):
		return "delivered"
	}
	return "failed"
}

// statusOfWords is the enhanced status code (RFC 3463) that words stand for.
func statusOfWords(low string) string {
	for _, w := range statusWords {
		if containsAny(low, w.words) {
			return w.code
		}
	}
	return ""
}

var statusWords = []struct {
	code  string
	words []string
}{
	{"5.2.2", []string{"mailbox full", "mailbox is full", "mailbox was full", "quota", "storage limit", "exceeded storage", "exceeds allowed size", "exceeded the local limit", "inbox is full", "inbox full", "postfach voll", "postfach ist voll", "buzón lleno", "buzón está lleno", "boîte pleine", "boîte est pleine", "est pleine", "está cheia", "caixa postal cheia", "邮箱已满"}},
	{"5.2.1", []string{"disabled", "inactive", "suspended", "deactivated", "not active", "account closed", "no longer"}},
	{"5.1.2", []string{"host unknown", "unknown host", "host not found", "domain not found", "couldn't find any host", "no such domain", "domain does not exist", "name service error", "unrouteable mail domain", "unroutable mail domain", "bad destination host", "no mx", "non-existent domain", "nxdomain"}},
	{"5.1.1", []string{"user unknown", "unknown user", "no such user", "not found", "not exist", "n't exist", "no mailbox", "unknown recipient", "recipient unknown", "user not known", "invalid recipient", "unknown address", "no such", "not known", "not listed", "not recognized", "not recognised", "unrouteable address", "unroutable address", "invalid address", "unknown or illegal", "mailbox unavailable", "no valid recipient", "doesn't have a", "does not have a", "unbekannt", "existiert nicht", "no existe", "desconocid", "inconnu", "n'existe pas", "não existe", "desconhecid", "不存在"}},
	{"5.3.4", []string{"too large", "too big", "exceeds the size", "size limit", "exceeds the maximum", "message size"}},
	{"5.7.1", []string{"spam", "blocked", "blacklist", "blocklist", "denied", "policy", "not permitted", "not allowed", "rejected", "only members", "not authorized", "not accepting", "content"}},
	{"5.4.7", []string{"timed out", "timeout", "retry", "expired", "too long", "connection refused", "could not connect"}},
}

// returnedMarkers are lines below which the returned mail stands.
var returnedMarkers = []string{
	"below this line is a copy", "this is a copy of the message", "this is a copy of your message", "below is a copy", "copy of the message follows", "copy of your message follows", "original message -----", "original message follows", "original message--", "original message ---", "-original message", "original message header", "original message is", "message header", "message headers", "headers of the original", "headers of your", "header of the original", "unsent message follows", "unsent message below", "returned message", "returned mail follows", "returned mail below", "message text follows", "message follows", "start of returned", "forwarded message", "old message:", "your message reads", "begin message", "the first part of the message", "first lines of", "text of the original", "your original message", "next line is a copy", "included message", "rejected message", "undelivered message headers", "kopie der nachricht", "kopie ihrer nachricht", "ursprüngliche nachricht", "originalnachricht", "mensaje original", "copia del mensaje", "message d'origine", "message original", "copie du message", "mensagem original", "cópia da mensagem", "原邮件", "原始邮件", "原信", "元のメッセージ",
}

// goesOnPhrases continue a notice after the block that names the mail.
var goesOnPhrases = []string{
	"did not reach", "be reached", "following recipient", "not delivered", "n't delivered", "not be delivered", "n't be delivered", "was delivered", "has been delivered", "could not deliver", "delivery failed", "konnte nicht", "konnte den", "wurde nicht", "hat die folgenden", "no se pudo", "no llegó", "no ha sido", "n'a pas", "n'est pas", "não pôde", "não foi", "não alcançou", "no part of it", "because", "undeliverable", "rejected", "blocked", "rule:", "reason", "nicht erreicht",
}

// recipientLabels stand before the address that failed.
var recipientLabels = []string{
	"recipient:", "recipient address:", "recipients:", "intended recipient", "undeliverable address", "failed address", "failed recipient", "error-for:", "error for:", "bad address", "addressee:", "to:", "user:", "mailbox:", "username:", "address:", "empfänger:", "an:", "destinatario:", "destinataire", "destinatário:", "para:", "收件人", "smtp:", "smtp=", "delivery to", "could not be delivered to", "not be delivered to", "undeliverable to", "unable to deliver to", "message to", "mail to", "e-mail to", "email to", "adressat:", "adresse:", "dirección:", "adres", "user unknown", "unknown user", "unknown recipient", "no such user",
}

// messageToWords stand in the sentence before the address that failed.
var messageToWords = []string{
	"message to", "mail to", "e-mail to", "email to", "delivered to", "deliver to", "deliver the message to", "deliver your message to", "delivery to", "addressed to", "reach", "sent to", "send to", "mailbox of", "mailbox for", "recipient", "user", "owner of", "mailbox", "account", "address", "message for", "mail for", "deliver mail to", "an ", "nachricht an", "mensaje a", "correo a", "message à", "destinataire", "destinatario", "mensagem para", "entregue a", "entregar a", "entregar el mensaje a", "发送到", "发给", "收件人", "地址",
}

// listIntroWords introduce a list of addresses.
var listIntroWords = []string{
	"recipient", "address", "following", "delivered to", "deliver to", "failed", "user", "mailbox", "empfänger", "adresse", "destinat", "dirección", "direcciones", "endereço", "收件人", "地址", "not be delivered", "n't be delivered",
}

// failureWords say that an address does not work.
var failureWords = []string{
	"unknown", "not found", "n't found", "no such", "not exist", "n't exist", "unavailable", "full", "quota", "rejected", "refused", "denied", "disabled", "inactive", "invalid", "undeliver", "fail", "failed", "error", "not listed", "not known", "not recognized", "not recognised", "no mailbox", "unrout", "timed out", "deferred", "blocked", "restricted", "no longer", "expired", "not delivered", "could not be", "couldn't be", "unbekannt", "existiert nicht", "no existe", "desconocid", "inconnu", "n'existe", "não existe", "desconhecid", "不存在", "已满", "拒绝", "only members", "not permitted", "not allowed", "exceeds", "too large", "cheia", "llen", "plein", "doesn't have", "does not have", "can't accept", "cannot accept", "loop",
}

// notRecipientWords stand before an address that is somebody else's.
var notRecipientWords = []string{
	"from:", "sender:", "mail from", "reply-to", "return-path", "message-id", "message id", "x-", "contact", "postmaster", "administrator", "report this", "abuse", "help", "support", "questions", "assistance", "von:", "absender", "remitente", "expéditeur", "remetente", "发件人", "envelope-from", "in-reply-to", "references", "id <", "message <", "queue id", "helo", "ehlo", "reporting-mta", "from <", "sent from", "expanded from", "generated from",
}

// contactWords make a line one of advice.
var contactWords = []string{"please use", "new address", "instead", "contact", "assistance", "help", "question", "postmaster", "administrator", "support", "sender", "from ", "further information", "wenden sie sich", "póngase en contacto", "contacter", "contato"}
