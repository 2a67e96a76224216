// Everything works without this file. It adds keys, live changes, saved drafts
// and frames opened in place.
"use strict";
(() => {
	const root = document.documentElement;
	root.classList.add("js");
	const $ = (sel, from = document) => from.querySelector(sel);
	const $$ = (sel, from = document) => [...from.querySelectorAll(sel)];

	// The line that follows an action is said once: reloading does not repeat it.
	const url = new URL(location.href);
	if (url.searchParams.has("done")) {
		url.searchParams.delete("done");
		url.searchParams.delete("of");
		history.replaceState(history.state, "", url);
	}

	document.addEventListener("change", (e) => {
		const form = e.target.closest("form[data-autosubmit]");
		if (form) form.requestSubmit();
		if (e.target.matches(".c-tick input")) showTicked();
	});

	// One click sends once.
	document.addEventListener("submit", (e) => {
		if (e.defaultPrevented || e.target.method !== "post" || e.submitter?.formTarget) return;
		if (e.target.dataset.sent) { e.preventDefault(); return; }
		e.target.dataset.sent = "1";
		dirty = false;
	});
	addEventListener("pageshow", () => $$("form[data-sent]").forEach((f) => delete f.dataset.sent));

	function showTicked() {
		const n = $$(".c-tick input:checked").length;
		$(".bulkbar")?.classList.toggle("on", n > 0);
		const label = $("[data-ticked]");
		if (label) label.textContent = n === 1 ? "1 selected" : n + " selected";
	}
	showTicked();

	// Keys
	const rows = () => $$("tr[data-id]");
	const here = () => $("tr.here");
	function go(to) {
		if (!to) return;
		here()?.classList.remove("here");
		to.classList.add("here");
		sessionStorage.setItem("here", to.dataset.id);
		$("a.open", to)?.focus({ preventScroll: true });
		to.scrollIntoView({ block: "nearest" });
	}
	const last = sessionStorage.getItem("here");
	if (last) $(`tr[data-id="${CSS.escape(last)}"]`)?.classList.add("here");

	// The order in which the list was looked at: from a conversation one goes on to the next.
	const talk = $("[data-at]")?.dataset.at;
	const order = JSON.parse(sessionStorage.getItem("order") || "[]");
	const keepOrder = () => { if (rows().length) sessionStorage.setItem("order", JSON.stringify(rows().map((r) => r.dataset.id))); };
	keepOrder();
	if (talk) sessionStorage.setItem("here", talk);
	function turn(by) {
		const to = order[order.indexOf(talk) + by];
		if (order.includes(talk) && to) location.href = "/conversations/" + to;
	}
	if (talk && order.includes(talk)) {
		for (const form of $$("form[data-next]")) {
			form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "next", value: order[order.indexOf(talk) + 1] || "0" }));
		}
	}

	const press = (key) => $(`[data-key=${key}]`)?.click();
	function openMenu(key) {
		const menu = $(`details.menu[data-key=${key}]`);
		if (!menu) return;
		menu.open = true;
		$("button, textarea, select", menu)?.focus();
	}
	document.addEventListener("click", (e) => $$("details.menu[open]").forEach((m) => { if (!m.contains(e.target)) m.open = false; }));

	const keys = {
		j: () => { if (talk) turn(1); else go(here() ? rows()[rows().indexOf(here()) + 1] : rows()[0]); },
		k: () => { if (talk) turn(-1); else go(here() ? rows()[rows().indexOf(here()) - 1] : rows()[0]); },
		o: () => $("a.open", here() || document)?.click(),
		x: () => { const box = here() && $("input[type=checkbox]", here()); if (box) { box.checked = !box.checked; showTicked(); } },
		r: () => { if ($("#body")) $("#body").focus(); else press("r"); },
		n: () => $("#note-body")?.focus(),
		a: () => ($("#assign-to") || $("#bulk-to"))?.focus(),
		e: () => {
			const close = $("button[data-key=e]");
			if (close) { close.click(); return; }
			if (!$(".c-tick input:checked") && here()) { const box = $("input[type=checkbox]", here()); if (box) box.checked = true; }
			if ($(".c-tick input:checked")) $(".bulkbar button[value=close]")?.click();
		},
		u: () => press("u"),
		s: () => openMenu("s"),
		h: () => openMenu("h"),
		m: () => openMenu("m"),
		f: () => { const here = $("button[data-key=f]"); if (here) here.click(); else $("#file-tn")?.focus(); },
		z: () => press("z"),
		w: () => press("w"),
		t: () => press("t"),
		v: () => press("v"),
		c: () => press("c"),
		y: () => press("y"),
		Y: () => press("Y"),
		U: () => press("U"),
		l: () => $("[data-key=l]")?.focus(),
		"/": () => $("#q")?.select(),
		"?": () => $("#keys")?.showModal(),
	};
	document.addEventListener("keydown", (e) => {
		if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && e.target.form?.dataset.draft) {
			e.preventDefault();
			$("button.primary", e.target.form)?.click();
			return;
		}
		if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
		const typing = e.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
		const menu = e.key === "Escape" && e.target.closest("details.menu[open]");
		if (menu) { menu.open = false; $("summary", menu).focus(); return; }
		if (e.key === "Escape" && typing) { e.target.blur(); return; }
		if (typing || $("dialog[open]") || !keys[e.key] || e.repeat && !"jk".includes(e.key)) return;
		e.preventDefault();
		keys[e.key]();
	});

	// The mail's own formatting, in a frame that can do nothing.
	document.addEventListener("toggle", (e) => {
		const d = e.target;
		if (!d.dataset?.frame || !d.open || $("iframe", d)) return;
		const f = document.createElement("iframe");
		f.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
		f.title = "The mail with its own formatting";
		f.src = d.dataset.frame;
		$(".nojs", d)?.remove();
		d.append(f);
	}, true);

	// A menu of letters is found by any part of their names, as one types.
	for (const form of $$("form[data-filter]")) {
		const menu = $("#" + form.dataset.filter);
		const names = [...menu.options];
		const input = Object.assign(document.createElement("input"), { id: menu.id, type: "text", autocomplete: "off", value: menu.selectedOptions[0].text });
		const list = Object.assign(document.createElement("datalist"), { id: menu.id + "-names" });
		list.append(...names.map((o) => Object.assign(document.createElement("option"), { value: o.text })));
		input.setAttribute("list", list.id);
		input.dataset.key = menu.dataset.key;
		delete menu.dataset.key;
		menu.id += "-menu";
		menu.hidden = true;
		menu.after(input, list);
		const chosen = input.value;
		const take = (o) => { if (o && o.text !== chosen) { menu.value = o.value; form.requestSubmit(); } };
		const exactly = () => names.find((o) => o.text.toLowerCase() === input.value.trim().toLowerCase());
		input.addEventListener("focus", () => { input.value = ""; });
		input.addEventListener("input", () => take(exactly()));
		input.addEventListener("change", (e) => e.stopPropagation());
		input.addEventListener("keydown", (e) => {
			if (e.key !== "Enter") return;
			e.preventDefault();
			const part = input.value.trim().toLowerCase();
			if (part) take(exactly() || names.find((o) => o.text.toLowerCase().includes(part)));
		});
		input.addEventListener("blur", () => { input.value = chosen; });
	}

	// A letter's preview follows what one types.
	const tried = $("form[data-tried]");
	if (tried) {
		let timer, latest = 0;
		tried.addEventListener("input", () => {
			clearTimeout(timer);
			timer = setTimeout(async () => {
				const mine = ++latest;
				try {
					const res = await fetch(tried.action, { method: "POST", body: new URLSearchParams(new FormData(tried)) });
					const fresh = $(tried.dataset.tried, new DOMParser().parseFromString(await res.text(), "text/html"));
					if (fresh && mine === latest) $(tried.dataset.tried).replaceChildren(...fresh.childNodes);
				} catch { /* the next key tries again */ }
			}, 400);
		});
	}

	// Drafts are saved as one types.
	let dirty = false, edited = false;
	const draft = $("form[data-draft]");
	if (draft) {
		let timer;
		const save = async () => {
			const body = new URLSearchParams([...new FormData(draft)].filter(([, value]) => typeof value === "string"));
			body.set("quiet", "1");
			const note = $("[data-saved]", draft);
			try {
				const res = await fetch(draft.dataset.draft, { method: "POST", body, redirect: "manual" });
				const begun = res.status === 201 && res.headers.get("Location");
				if (begun) { // from now on it is a conversation with a draft
					draft.dataset.draft = begun + "/draft";
					draft.action = begun + "/reply";
					history.replaceState(history.state, "", begun + "#reply");
					for (const box of $$("[name=part]", draft)) box.disabled = true;
					for (const id of (await res.text()).split("\n").filter(Boolean)) {
						const file = Object.assign(document.createElement("input"), { type: "hidden", name: "file", value: id });
						draft.append(file);
					}
				}
				if (res.ok) { dirty = false; note.textContent = "Draft saved"; } else note.textContent = "The draft could not be saved";
			} catch { note.textContent = "No connection: the draft is not saved"; }
		};
		draft.addEventListener("input", (e) => {
			if (!["body", "subject", "cc", "to"].includes(e.target.name)) return;
			dirty = edited = true;
			clearTimeout(timer);
			timer = setTimeout(() => { if (!draft.dataset.sent) save(); }, 1200);
		});
		$("input[type=file]", draft)?.addEventListener("change", () => draft.requestSubmit($("button[value=attach]", draft)));
		// A letter that was only looked at makes no draft when the next person comes.
		$("button[data-key=U]")?.addEventListener("click", (e) => {
			if (edited || $("input[type=file]", draft)?.files.length) return;
			e.preventDefault();
			$("#me").requestSubmit();
		});
		addEventListener("beforeunload", (e) => { if (dirty) e.preventDefault(); });
	}

	// The time to take a reply back runs out.
	const undo = $("[data-undo]");
	if (undo) {
		const wait = new Date(undo.dataset.undo) - Date.now();
		setTimeout(() => undo.remove(), Math.max(0, wait));
	}

	// Live changes
	const live = $("[data-live]");
	if (!live || !window.EventSource) return;
	let asked = false;
	const refresh = async () => {
		const res = await fetch(location.href, { headers: { "X-Live": "1" } });
		if (!res.ok || res.redirected) return;
		const page = new DOMParser().parseFromString(await res.text(), "text/html");
		const piles = $(".piles", page);
		if (piles) $(".piles")?.replaceWith(document.adoptNode(piles));
		const fresh = $("[data-live]", page), old = $("[data-live]");
		if (!fresh || !old) return;
		if (old.dataset.live === "talk") {
			const present = $("[data-present]", fresh), shown = $("[data-present]", old);
			if (present && shown && present.innerHTML !== shown.innerHTML) shown.replaceChildren(...document.adoptNode(present).childNodes);
			if (fresh.dataset.last !== old.dataset.last) say("Something new came into this conversation.");
			return;
		}
		if ($(".c-tick input:checked") || $("dialog[open]")) return;
		const focused = document.activeElement?.closest?.("tr[data-id]")?.dataset.id;
		const at = here()?.dataset.id;
		old.replaceWith(document.adoptNode(fresh));
		keepOrder();
		const head = $(".listhead h1", page);
		if (head) $(".listhead h1")?.replaceWith(document.adoptNode(head));
		document.title = page.title;
		if (at) $(`tr[data-id="${CSS.escape(at)}"]`)?.classList.add("here");
		if (focused) $(`tr[data-id="${CSS.escape(focused)}"] a.open`)?.focus({ preventScroll: true });
		showTicked();
	};
	function say(text) {
		if ($(".live")) return;
		const p = document.createElement("p");
		p.className = "live";
		p.setAttribute("role", "status");
		const a = document.createElement("a");
		a.href = location.pathname;
		a.textContent = "Show it";
		p.append(text + " ", a);
		document.body.append(p);
	}
	const at = $("[data-at]")?.dataset.at;
	new EventSource("/events?since=" + document.body.dataset.version + (at ? "&at=" + at : "")).addEventListener("change", () => {
		if (asked) return;
		asked = true;
		setTimeout(() => { asked = false; refresh().catch(() => {}); }, 300);
	});
})();
