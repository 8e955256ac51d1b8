"""The drawings of the pages, made for this console on a 24 by 24 grid with lines 1.7 wide."""

# A path is one long word; breaking it would make it harder to replace, not easier to read.
# ruff: noqa: E501

ICONS = {
    "alert": '<path d="M12 4 3 19.5h18L12 4z"/><path d="M12 10v4.2M12 17v.1"/>',
    "arrow-right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "audit": '<path d="M6 3.5h8.5L18.5 8v12.5h-12.5z"/><path d="M9 11h6.5M9 14h6.5M9 17h4"/>',
    "building": '<path d="M5.5 20.5v-16h13v16M3.5 20.5h17"/><path d="M9 8.5h.1M12 8.5h.1M15 8.5h.1M9 12h.1M12 12h.1M15 12h.1M9 15.5h.1M15 15.5h.1M12 20.5v-4"/>',
    "camera": '<path d="M4 8h3.5L9 5.5h6L16.5 8H20v11H4z"/><circle cx="12" cy="13" r="3.2"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>',
    "compare": '<path d="M12 4v16"/><path d="M8.5 7H4v10h4.5M15.5 7H20v10h-4.5"/>',
    "contrast": '<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/>',
    "cross": '<path d="m6 6 12 12M18 6 6 18"/>',
    "cube": '<path d="m12 3.5 8 4.3v8.4l-8 4.3-8-4.3V7.8z"/><path d="m4 7.8 8 4.4 8-4.4M12 12.2v8.3"/>',
    "download": '<path d="M12 4v11M7.5 10.5 12 15l4.5-4.5M4.5 20h15"/>',
    "eye": '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/><circle cx="12" cy="12" r="2.8"/>',
    "history": '<path d="M4.2 9.5A8.3 8.3 0 1 1 3.7 13"/><path d="M3.7 4.7v4.8h4.8M12 7.8V12l3 2"/>',
    "home": '<path d="m3.5 11.5 8.5-7.5 8.5 7.5"/><path d="M5.5 10v10.5h13V10"/>',
    "key": '<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8.5-8.5M16 7.5l3 3"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "moon": '<path d="M20 13.8A8 8 0 1 1 10.2 4a6.3 6.3 0 0 0 9.8 9.8z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "refresh": '<path d="M19.5 11a7.5 7.5 0 1 0-1.6 5.8"/><path d="M19.8 5.5V11h-5.5"/>',
    "rollback": '<path d="M8.5 5 4 9.5 8.5 14"/><path d="M4 9.5h10a5.5 5.5 0 0 1 0 11h-3"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>',
    "shield": '<path d="M12 3.5 5 6v5.5c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6z"/>',
    "sun": '<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4"/>',
    "user": '<circle cx="12" cy="8" r="3.8"/><path d="M5 20.5c.6-4.2 3.3-6.3 7-6.3s6.4 2.1 7 6.3"/>',
    "users": '<circle cx="9" cy="8.5" r="3.5"/><path d="M3 20c.4-4 2.7-5.8 6-5.8s5.6 1.8 6 5.8M15.5 5.3a3.5 3.5 0 0 1 0 6.4M17.5 14.8c2 .7 3.2 2.4 3.5 5.2"/>',
}
