using System.Linq;
using NUnit.Framework;
using UnityEngine;

namespace SphereLinks.Editor.Tests
{
    public class PrefabsTests
    {
        [TestCase(2)]
        [TestCase(3)]
        [TestCase(6)]
        public void LevelsFollowEachOtherDownTheScreen(int levels)
        {
            var heights = Prefabs.Heights(levels);
            Assert.AreEqual(levels, heights.Length);
            Assert.AreEqual(heights.OrderByDescending(each => each).Distinct().ToArray(), heights);
            Assert.IsTrue(heights.All(each => each > 0 && each < 1));
        }
    }

    public class PlacementTests
    {
        [Test]
        public void APlacementIsTheSameAfterItWasKept()
        {
            var placement = new Placement
            {
                Folder = "Assets/A", Scale = 2.5f, Collider = true, LodGroup = true, Picture = "p", Scene = "", Position = new Vector3(1, 2, 3),
                Replace = "r", Glb = "g", Prefab = "f",
            };
            Assert.AreEqual(placement, Placement.FromJson(placement.ToJson()));
            var none = placement with { Scene = null };
            Assert.AreEqual(none, Placement.FromJson(none.ToJson()));
        }
    }

    public class TextsTests
    {
        [Test]
        public void FieldsMayHoldCommasQuotesAndLines() => Assert.AreEqual(
            new[] { new[] { "a", "b,c" }, new[] { "d \"e\"", "f\ng" } },
            Texts.Parse("a,\"b,c\"\r\n\"d \"\"e\"\"\",\"f\ng\"\n").Select(row => row.ToArray()).ToArray());
    }
}
