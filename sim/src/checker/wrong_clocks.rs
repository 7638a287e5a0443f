//! Wrong clocks: does a caller whose local clock is wrong take a live lease, or jump the queue?

use leasehold_core::{Held, Row, RowKey, SlotRow, WaitRow};

use super::invariants::Violation;
use super::property;
use super::state::{Stage, WorldState};
use super::world::Shared;

impl Shared {
    /// Nobody takes a lease that its holder was told of, works under, and that has not expired.
    pub(super) fn judge_taken(&self, state: &WorldState, old: Option<&SlotRow>, held: &Held) -> Result<(), Violation> {
        let Some((row, was)) = old.and_then(|row| Some((row, row.held.as_ref()?))) else { return Ok(()) };
        if !self.world.has_wrong_clocks() || was.holder == held.holder {
            return Ok(());
        }
        let works = |client: &usize| {
            let standing = &state.clients[*client];
            let told = standing.lease.filter(|told| (told.slot, told.fence) == (row.slot, row.fence));
            standing.stage == Stage::Working && told.is_some_and(|told| state.now < told.expires_at.0)
        };
        if let Some(client) = (0..state.clients.len()).find(works) {
            let (whose, until) = (self.holder(client), was.expires_at);
            let what = format!("{} took the lease of {whose}, which works until {until}", held.holder);
            return Err(Violation::new(property::TABLE_TIME, what));
        }
        Ok(())
    }

    /// Nobody joins the queue before somebody who had joined it more than the grace before the other one asked.
    pub(super) fn judge_joined(
        &self,
        state: &mut WorldState,
        old: Option<&Row>,
        place: &WaitRow,
    ) -> Result<(), Violation> {
        if !self.world.has_wrong_clocks() || old.is_some() {
            return Ok(());
        }
        let now = state.now;
        let asked = (0..state.clients.len()).find(|client| *self.holder(*client) == place.holder);
        let asked = asked.map_or(now, |client| state.clients[client].entered.0);
        for client in 0..state.clients.len() {
            if *self.holder(client) == place.holder {
                state.client(client, |client| client.joined = Some(now));
                continue;
            }
            let row = state.table.row(RowKey::Holder(self.holder(client).hashed()));
            let ticket = state.table.rows().find_map(|row| match row {
                Row::Wait(row) if row.holder == *self.holder(client) => Some(row.ticket),
                _ => None,
            });
            let earlier = state.clients[client].joined.is_some_and(|joined| joined + self.world.grace < asked);
            if row.is_some() && earlier && ticket.is_some_and(|ticket| place.ticket < ticket) {
                let what = format!("{} jumps the queue before {}", place.holder, self.holder(client));
                return Err(Violation::new(property::TABLE_TIME, what));
            }
        }
        Ok(())
    }
}
