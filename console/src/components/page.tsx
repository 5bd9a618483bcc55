import { type ReactNode, useEffect, useRef } from "react";

/** A page: its title is the document's too. It takes the focus if the page before took it away with itself. */
export function Page({
  title,
  heading,
  beside,
  summary,
  actions,
  fill,
  children,
}: {
  title: string;
  /** In the page instead of the title, where it is more than text. */
  heading?: ReactNode;
  /** On the line of the heading. */
  beside?: ReactNode;
  summary?: ReactNode;
  actions?: ReactNode;
  /** The page is as high as the window, and a table in it scrolls. */
  fill?: boolean;
  children: ReactNode;
}) {
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    document.title = `${title} \u00b7 rentmatch`;
  }, [title]);
  return (
    <main ref={main} id="main" className={fill ? "page page-fill" : "page"} tabIndex={-1}>
      <header className="page-head">
        <div className="page-titles">
          <div className="page-heading">
            <h1>{heading ?? title}</h1>
            {beside}
          </div>
          {summary && <div className="page-summary muted">{summary}</div>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </main>
  );
}

/** A part of a page with a heading. */
export function Section({
  title,
  note,
  actions,
  children,
  className,
}: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={className ? `section ${className}` : "section"} aria-label={title}>
      <header className="section-head">
        <h2>{title}</h2>
        {note && <div className="muted section-note">{note}</div>}
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}
