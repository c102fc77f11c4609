const DAY_MS = 86_400_000;

/** Times, days and numbers in the page's locale, all by Intl. */
export class Formatter {
  constructor(locale) {
    this.locale = locale;
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    this.#full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
    this.#day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    this.#number = new Intl.NumberFormat(locale);
  }

  #time;
  #full;
  #day;
  #relative;
  #number;

  time(date) {
    return this.#time.format(date);
  }

  dateAndTime(date) {
    return this.#full.format(date);
  }

  /** "Today", "Yesterday", else weekday and date. */
  day(date, now = new Date()) {
    const ago = Math.round((startOfDay(date) - startOfDay(now)) / DAY_MS);
    return ago > -2 && ago < 1 ? this.#relative.format(ago, "day") : this.#day.format(date);
  }

  inSeconds(seconds) {
    return this.#relative.format(seconds, "second");
  }

  number(value) {
    return this.#number.format(value);
  }
}

export function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
