// Writes the files beside it as ROOT does, with ATLAS' class and field names: root -l -b -q write.C+
// (ROOT 6.40). uproot cannot write base classes, late fields, several representations or unsplit objects.

#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleWriteOptions.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <TFile.h>
#include <TTree.h>
#include <array>
#include <memory>
#include <string>
#include <variant>
#include <vector>

struct ElementLinkBase {
   unsigned int m_persKey = 0, m_persIndex = 0;
};
template <class T>
struct ElementLink : ElementLinkBase {};
namespace xAOD {
struct BTaggingContainer {};
struct Jet_v1 {};
struct AuxInfoBase {
   virtual ~AuxInfoBase() = default;
};
struct EventAuxInfo_v1 : AuxInfoBase {
   unsigned int runNumber = 0, lumiBlock = 0;
   unsigned long long eventNumber = 0;
   std::vector<std::string> streamTagNames;
};
struct JetAuxContainer_v1 : AuxInfoBase {
   std::vector<float> pt, eta, phi, m;
};
} // namespace xAOD
using Link = ElementLink<xAOD::BTaggingContainer>;

#ifdef __ROOTCLING__
#pragma link C++ class ElementLinkBase+;
#pragma link C++ class ElementLink<xAOD::BTaggingContainer>+;
#pragma link C++ class std::vector<ElementLink<xAOD::BTaggingContainer>>+;
#pragma link C++ class xAOD::BTaggingContainer+;
#pragma link C++ class xAOD::Jet_v1+;
#pragma link C++ class std::vector<xAOD::Jet_v1>+;
#pragma link C++ class xAOD::AuxInfoBase+;
#pragma link C++ class xAOD::EventAuxInfo_v1+;
#pragma link C++ class xAOD::JetAuxContainer_v1+;
#endif

struct Event {
   unsigned int run = 300000, block = 0, channel = 700322;
   unsigned long long number = 0;
   std::vector<float> weights, pt, eta, phi, m, score;
   std::vector<Link> links;

   // Jet j of event i links to score n - 1 - j: the order is turned around.
   void set(int i, unsigned int key) {
      *this = Event();
      block = i % 5, number = i + 7, weights = {i % 3 - 1.5f, 9.f};
      for (int j = 0; j < i % 4; j++) {
         pt.push_back(1000.f * (20 + 10 * j + i)), eta.push_back(0.1f * j), phi.push_back(j), m.push_back(5000);
         score.push_back(0.01f * j + 0.001f * i);
         links.emplace_back();
         links.back().m_persKey = key, links.back().m_persIndex = i % 4 - 1 - j;
      }
   }
};

void ntuple(const char *path) {
   auto model = ROOT::RNTupleModel::Create();
   auto run = model->MakeField<unsigned int>("EventInfoAuxDyn:runNumber");
   auto block = model->MakeField<unsigned int>("EventInfoAuxDyn:lumiBlock");
   auto channel = model->MakeField<unsigned int>("EventInfoAuxDyn:mcChannelNumber");
   auto number = model->MakeField<unsigned long long>("EventInfoAuxDyn:eventNumber");
   auto weights = model->MakeField<std::vector<float>>("EventInfoAuxDyn:mcEventWeights");
   auto jets = model->MakeField<std::vector<xAOD::Jet_v1>>("AnalysisJets");
   auto pt = model->MakeField<std::vector<float>>("AnalysisJetsAuxDyn:pt");
   auto eta = model->MakeField<std::vector<float>>("AnalysisJetsAuxDyn:eta");
   auto phi = model->MakeField<std::vector<float>>("AnalysisJetsAuxDyn:phi");
   auto m = model->MakeField<std::vector<float>>("AnalysisJetsAuxDyn:m");
   auto links = model->MakeField<std::vector<Link>>("AnalysisJetsAuxDyn:btaggingLink");
   auto score = model->MakeField<std::vector<float>>("BTagging_AntiKt4EMPFlowAuxDyn:GN2v01_pb");
   auto truth = model->MakeField<xAOD::JetAuxContainer_v1>("AntiKt4TruthDressedWZJetsAux:");
   auto nested = model->MakeField<std::vector<std::vector<int>>>("AnalysisJetsAuxDyn:NumTrkPt500");
   auto either = model->MakeField<std::variant<int, float>>("either");
   auto three = model->MakeField<std::array<float, 3>>("three");
   auto add = [&](const char *name, auto set) {
      auto field = std::make_unique<ROOT::RField<float>>(name);
      set(*field);
      model->AddField(std::move(field));
   };
   add("truncated", [](auto &field) { field.SetTruncated(20); });
   // Files that were merged have columns of both kinds; uproot reads them as of the first.
   add("mixed", [](auto &field) {
      field.SetColumnRepresentatives({{ROOT::ENTupleColumnType::kReal16}, {ROOT::ENTupleColumnType::kSplitReal32}});
   });
   model->AddProjectedField(ROOT::RFieldBase::Create("number", "std::uint64_t").Unwrap(),
                            [](const std::string &) { return "EventInfoAuxDyn:eventNumber"; });
   std::unique_ptr<TFile> file(TFile::Open(path, "RECREATE"));
   ROOT::RNTupleWriteOptions options;
   options.SetCompression(505);
   auto writer = ROOT::RNTupleWriter::Append(std::move(model), "EventData", *file, options);
   auto &entry = writer->GetModel().GetDefaultEntry();
   std::shared_ptr<float> late;
   Event event;
   for (int i = 0; i < 60; i++) {
      if (i == 30) {
         auto updater = writer->CreateModelUpdater();
         updater->BeginUpdate();
         late = updater->MakeField<float>("late");
         updater->CommitUpdate();
      }
      event.set(i, 582299515u); // BTagging_AntiKt4EMPFlow
      *run = event.run, *block = event.block, *channel = event.channel, *number = event.number;
      *weights = event.weights, *pt = event.pt, *eta = event.eta, *phi = event.phi, *m = event.m;
      *links = event.links, *score = event.score, jets->resize(event.pt.size());
      truth->pt = event.pt, truth->eta = event.eta, truth->phi = event.phi, truth->m = event.m;
      nested->assign(event.pt.size(), {i, 1}), *either = i, *three = {1.f, 2.f, float(i)};
      *entry.GetPtr<float>("truncated") = *entry.GetPtr<float>("mixed") = 0.5f * i;
      if (late) *late = i;
      writer->Fill();
      if (i % 20 == 19) writer->CommitCluster();
   }
}

void tree(const char *path, int split) {
   TFile file(path, "RECREATE", "", 505);
   TTree tree("CollectionTree", "");
   Event event;
   xAOD::EventAuxInfo_v1 info, *info_pointer = &info;
   tree.Branch("EventInfoAux.", &info_pointer, 32000, split);
   tree.Branch("EventInfoAuxDyn.mcChannelNumber", &event.channel);
   tree.Branch("EventInfoAuxDyn.mcEventWeights", &event.weights);
   tree.Branch("AnalysisJetsAuxDyn.pt", &event.pt);
   tree.Branch("AnalysisJetsAuxDyn.eta", &event.eta);
   tree.Branch("AnalysisJetsAuxDyn.phi", &event.phi);
   tree.Branch("AnalysisJetsAuxDyn.m", &event.m);
   tree.Branch("AnalysisJetsAuxDyn.btaggingLink", &event.links, 32000, 99);
   tree.Branch("BTagging_AntiKt4EMPFlow_201903AuxDyn.DL1r_pb", &event.score);
   for (int i = 0; i < 60; i++) {
      event.set(i, 1030373024u); // BTagging_AntiKt4EMPFlow_201903
      info.runNumber = event.run, info.lumiBlock = event.block, info.eventNumber = event.number;
      info.streamTagNames = {"a", "bc"};
      tree.Fill();
   }
   tree.Write();
}

void write() {
   ntuple("EventData.root");
   tree("split.root", 99);
   tree("unsplit.root", 0);
}
