/** Seconds as people read them: `95 s`, `12 min`, `7.5 h`, `3.1 days`. */
export function seconds(amount: number): string {
  if (amount < 120) return `${Math.round(amount)} s`;
  if (amount < 7_200) return `${Math.round(amount / 60)} min`;
  if (amount < 172_800) return `${(amount / 3_600).toFixed(1)} h`;
  return `${(amount / 86_400).toFixed(1)} days`;
}
