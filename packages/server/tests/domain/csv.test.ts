import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvJson, csvRow } from '../../src/domain/csv.ts'
import { readCsv } from '../support/csv.ts'

const CASES: [value: string | number | null, told: string][] = [
  ['plain', 'plain'],
  [null, ''],
  ['', ''],
  [-1, '-1'],
  ['a, b', '"a, b"'],
  ['say "hi"', '"say ""hi"""'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['=1+1', "'=1+1"],
  ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
  ['=HYPERLINK("http://x.test","click")', '"\'=HYPERLINK(""http://x.test"",""click"")"'],
  ['+31 6', "'+31 6"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', '"\'\t=1"'],
  ['\r=1', '"\'\r=1"'],
  ['\n=1', '"\'\n=1"'],
  ['＝1', "'＝1"],
  ['a=1', 'a=1'],
  ['a-b', 'a-b'],
]

test('a text that a spreadsheet would compute begins with an apostrophe; all others are told as they are', () => {
  for (const [value, told] of CASES) assert.equal(csvRow([value]), `${told}\r\n`)
  const row = CASES.map(([value]) => value)
  const [read] = readCsv(csvRow(row))
  assert.deepEqual(
    read?.map((field) => field.replace(/^'(?=[=+\-@\t\r\n＝])/, '')),
    row.map((value) => String(value ?? '')),
  )
})

test('JSON in a field holds no formula, whatever divides fields there', () => {
  const json = JSON.stringify({ name: 'x;=1+1', note: 'a\t=2;@3' })
  const row = csvRow(['id', csvJson(json)])
  assert.deepEqual(JSON.parse(readCsv(row)[0]?.[1] ?? ''), JSON.parse(json))
  for (const delimiter of [',', ';', '\t'])
    for (const field of row.split(delimiter)) assert.doesNotMatch(field, /^["']?[=+\-@]/)
})
