//! The story itself, step by step. Every sentence that is told is checked first, from outside: by the
//! gRPC API and by the subscriber's stream.

use roomsync_testkit::Cluster;

use crate::{scene::Scene, teller::Teller};

pub(crate) async fn play(cluster: &Cluster, teller: &mut Teller) -> anyhow::Result<()> {
    let scene = Scene::begin(cluster, teller).await?;
    scene.the_object_is_handed_over(teller).await?;

    scene.a_meeting_comes_moves_and_goes(teller).await?;
    scene.the_room_is_uninvited(teller).await?;
    scene.somebody_unknown_books(teller).await?;

    scene.the_room_is_swapped(teller).await?;
    scene.one_event_takes_two_rooms(teller).await?;

    let series = scene.a_series_comes(teller).await?;
    scene
        .one_date_is_moved_another_cancelled(&series, teller)
        .await?;
    scene.this_and_following_moves(&series, teller).await?;

    scene.a_push_is_lost(teller).await?;

    scene.a_display_books_now(teller).await?;
    scene.booking_as_users_is_enabled(teller).await?;
    let booked = scene.a_user_books(teller).await?;
    scene.its_owner_declines(&booked, teller).await?;

    scene.the_tenant_disconnects(teller).await?;

    teller.says("the same again, in short:");
    teller.sums_up();
    Ok(())
}
