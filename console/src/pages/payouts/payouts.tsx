export { NotBuilt as Payouts } from "../../app/fallbacks.tsx";
