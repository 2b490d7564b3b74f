// Runs before the page is drawn: tells the style sheet that scripts work here.
document.documentElement.classList.add("script");
