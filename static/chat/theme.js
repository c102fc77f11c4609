// A classic script in <head>: the remembered colours must be set before the first paint.
(() => {
  try {
    const theme = localStorage.getItem("kefu:theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is blocked: the system's colours apply.
  }
})();
