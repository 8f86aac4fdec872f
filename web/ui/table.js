/*
 * A table: columns {id, label, cell(row), sort(row)?, kind?}, rows, keyOf(row).
 * A column with sort is sorted by its header.  On a narrow screen each row
 * becomes a card, hence the explicit roles.  Up and down move between the
 * same control of neighbouring rows.
 */

import { html, useMemo, useState } from '../vendor/preact.js';

export function Table({
  caption, columns, rows, keyOf, empty, busy = false, rowKind, start = null,
}) {
  const [order, setOrder] = useState(start);
  const sorted = useMemo(
    () => sortRows(rows, columns, order), [rows, columns, order],
  );

  if (rows.length === 0 && empty) {
    return html`<div class="empty">${empty}</div>`;
  }

  return html`
    <div class="table-wrap">
      <table role="table" aria-busy=${busy ? 'true' : null}
        onKeyDown=${moveInColumn}>
        <caption class="hidden">${caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            ${columns.map((column) => html`
              <${Head} key=${column.id} column=${column} order=${order}
                setOrder=${setOrder} />`)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${sorted.map((row) => html`
            <tr role="row" key=${keyOf(row)}
              data-kind=${rowKind ? rowKind(row) : null}>
              ${columns.map((column, i) => html`
                <${Cell} key=${column.id} column=${column} row=${row}
                  first=${i === 0} />`)}
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}

function Head({ column, order, setOrder }) {
  const mine = order && order.id === column.id;
  const direction = mine ? order.direction : null;
  const turn = () => setOrder({
    id: column.id,
    direction: direction === 'ascending' ? 'descending' : 'ascending',
  });

  return html`
    <th role="columnheader" scope="col" class=${column.kind || null}
      aria-sort=${direction}>
      ${column.sort
        ? html`
          <button type="button" class="sort" onClick=${turn}>
            ${column.label}
            <span class="arrow" aria-hidden="true">
              ${mine ? ARROWS[direction] : '↕'}
            </span>
          </button>`
        : html`<span class=${column.silent ? 'hidden' : null}>
            ${column.label}</span>`}
    </th>`;
}

const ARROWS = { ascending: '↑', descending: '↓' };

function Cell({ column, row, first }) {
  const text = column.cell(row);

  return first
    ? html`<th role="rowheader" scope="row" class=${column.kind || null}>
        ${text}</th>`
    : html`<td role="cell" class=${column.kind || null}
        data-label=${column.silent ? null : column.label}>
        <div>${text}</div></td>`;
}

function sortRows(rows, columns, order) {
  const column = order && columns.find((c) => c.id === order.id);

  if (!column || !column.sort) {
    return rows;
  }
  const sign = order.direction === 'ascending' ? 1 : -1;

  return [...rows].sort(
    (a, b) => sign * compare(column.sort(a), column.sort(b)),
  );
}

function compare(a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    return a - b;
  }
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}

const CONTROLS = 'a[href], button:not([disabled])';

function moveInColumn(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest('tbody tr');

  if (!step || !row || !event.target.matches(CONTROLS)) {
    return;
  }
  const at = [...row.querySelectorAll(CONTROLS)].indexOf(event.target);
  const other = step > 0
    ? row.nextElementSibling : row.previousElementSibling;
  const control = other && other.querySelectorAll(CONTROLS)[at];

  if (control) {
    control.focus();
    event.preventDefault();
  }
}

/* Pages that are known only one after the other, by their cursors. */
export function Pager({ page, next, total, shown, onPrevious, onNext }) {
  if (page === 0 && !next) {
    return null;
  }
  return html`
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled=${page === 0} onClick=${onPrevious}>
        ← Previous
      </button>
      <span class="muted">Page ${page + 1}${total !== undefined
        && `, ${shown} of ${total}`}</span>
      <button type="button" disabled=${!next} onClick=${onNext}>
        Next →
      </button>
    </nav>`;
}
